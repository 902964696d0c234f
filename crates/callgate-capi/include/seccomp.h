/*
 * The C interface of libseccomp 2.6, as callgate offers it.
 *
 * Every function returns 0, or a negative errno value, unless it says otherwise. What they do, and their
 * error values, is documented in section 3 of the manual: seccomp_init(3), seccomp_rule_add(3) and so on.
 */
#ifndef _SECCOMP_H
#define _SECCOMP_H

#include <asm/unistd.h>
#include <elf.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCMP_VER_MAJOR 2
#define SCMP_VER_MINOR 6
#define SCMP_VER_MICRO 1

struct scmp_version {
	unsigned int major;
	unsigned int minor;
	unsigned int micro;
};

/* A filter under construction. */
typedef void *scmp_filter_ctx;

enum scmp_filter_attr {
	_SCMP_FLTATR_MIN = 0,
	SCMP_FLTATR_ACT_DEFAULT = 1,   /* the default action; read only */
	SCMP_FLTATR_ACT_BADARCH = 2,   /* the action under other architectures */
	SCMP_FLTATR_CTL_NNP = 3,       /* set no_new_privs on load */
	SCMP_FLTATR_CTL_TSYNC = 4,     /* load for all threads */
	SCMP_FLTATR_API_TSKIP = 5,     /* allow rules for call -1 */
	SCMP_FLTATR_CTL_LOG = 6,       /* log every action but allow */
	SCMP_FLTATR_CTL_SSB = 7,       /* leave the store bypass mitigation off */
	SCMP_FLTATR_CTL_OPTIMIZE = 8,  /* 1 or 2 */
	SCMP_FLTATR_API_SYSRAWRC = 9,  /* return the kernel's own errors */
	SCMP_FLTATR_CTL_WAITKILL = 10, /* received notifications wait killable */
	/* Of the interface after 2.6: what calls get that are newer than that kernel and that no rule is about. It
	   is set first; no rule can be added once the kernel has been named. */
	SCMP_FLTATR_ACT_ENOSYS = 11,  /* the action, ENOSYS unless set */
	SCMP_FLTATR_CTL_KVERMAX = 12, /* the kernel, of enum scmp_kver */
	_SCMP_FLTATR_MAX,
};

/* Kernels, for SCMP_FLTATR_CTL_KVERMAX. */
enum scmp_kver {
	__SCMP_KV_NULL = 0,
	SCMP_KV_UNDEF = 1,
	SCMP_KV_3_0 = 2,
	SCMP_KV_3_1 = 3,
	SCMP_KV_3_2 = 4,
	SCMP_KV_3_3 = 5,
	SCMP_KV_3_4 = 6,
	SCMP_KV_3_5 = 7,
	SCMP_KV_3_6 = 8,
	SCMP_KV_3_7 = 9,
	SCMP_KV_3_8 = 10,
	SCMP_KV_3_9 = 11,
	SCMP_KV_3_10 = 12,
	SCMP_KV_3_11 = 13,
	SCMP_KV_3_12 = 14,
	SCMP_KV_3_13 = 15,
	SCMP_KV_3_14 = 16,
	SCMP_KV_3_15 = 17,
	SCMP_KV_3_16 = 18,
	SCMP_KV_3_17 = 19,
	SCMP_KV_3_18 = 20,
	SCMP_KV_3_19 = 21,
	SCMP_KV_4_0 = 22,
	SCMP_KV_4_1 = 23,
	SCMP_KV_4_2 = 24,
	SCMP_KV_4_3 = 25,
	SCMP_KV_4_4 = 26,
	SCMP_KV_4_5 = 27,
	SCMP_KV_4_6 = 28,
	SCMP_KV_4_7 = 29,
	SCMP_KV_4_8 = 30,
	SCMP_KV_4_9 = 31,
	SCMP_KV_4_10 = 32,
	SCMP_KV_4_11 = 33,
	SCMP_KV_4_12 = 34,
	SCMP_KV_4_13 = 35,
	SCMP_KV_4_14 = 36,
	SCMP_KV_4_15 = 37,
	SCMP_KV_4_16 = 38,
	SCMP_KV_4_17 = 39,
	SCMP_KV_4_18 = 40,
	SCMP_KV_4_19 = 41,
	SCMP_KV_4_20 = 42,
	SCMP_KV_5_0 = 43,
	SCMP_KV_5_1 = 44,
	SCMP_KV_5_2 = 45,
	SCMP_KV_5_3 = 46,
	SCMP_KV_5_4 = 47,
	SCMP_KV_5_5 = 48,
	SCMP_KV_5_6 = 49,
	SCMP_KV_5_7 = 50,
	SCMP_KV_5_8 = 51,
	SCMP_KV_5_9 = 52,
	SCMP_KV_5_10 = 53,
	SCMP_KV_5_11 = 54,
	SCMP_KV_5_12 = 55,
	SCMP_KV_5_13 = 56,
	SCMP_KV_5_14 = 57,
	SCMP_KV_5_15 = 58,
	SCMP_KV_5_16 = 59,
	SCMP_KV_5_17 = 60,
	SCMP_KV_5_18 = 61,
	SCMP_KV_5_19 = 62,
	SCMP_KV_6_0 = 63,
	SCMP_KV_6_1 = 64,
	SCMP_KV_6_2 = 65,
	SCMP_KV_6_3 = 66,
	SCMP_KV_6_4 = 67,
	SCMP_KV_6_5 = 68,
	SCMP_KV_6_6 = 69,
	SCMP_KV_6_7 = 70,
	SCMP_KV_6_8 = 71,
	SCMP_KV_6_9 = 72,
	SCMP_KV_6_10 = 73,
	SCMP_KV_6_11 = 74,
	SCMP_KV_6_12 = 75,
	SCMP_KV_6_13 = 76,
	SCMP_KV_6_14 = 77,
	SCMP_KV_6_15 = 78,
	SCMP_KV_6_16 = 79,
	SCMP_KV_6_17 = 80,
	SCMP_KV_6_18 = 81,
	SCMP_KV_6_19 = 82,
	SCMP_KV_7_0 = 83,
	SCMP_KV_7_1 = 84,
	SCMP_KV_7_2 = 85,
	__SCMP_KV_MAX,
};

enum scmp_compare {
	_SCMP_CMP_MIN = 0,
	SCMP_CMP_NE = 1,
	SCMP_CMP_LT = 2,
	SCMP_CMP_LE = 3,
	SCMP_CMP_EQ = 4,
	SCMP_CMP_GE = 5,
	SCMP_CMP_GT = 6,
	SCMP_CMP_MASKED_EQ = 7, /* argument & datum_a == datum_b */
	_SCMP_CMP_MAX,
};

typedef uint64_t scmp_datum_t;

/* One comparison of an argument; unsigned. */
struct scmp_arg_cmp {
	unsigned int arg;
	enum scmp_compare op;
	scmp_datum_t datum_a;
	scmp_datum_t datum_b;
};

/* Architectures: the kernel's audit tokens, and one for x32, which has none of its own. */
#define SCMP_ARCH_NATIVE 0
#define SCMP_ARCH_X86 0x40000003
#define SCMP_ARCH_X86_64 0xc000003e
#define SCMP_ARCH_X32 0x4000003e
#define SCMP_ARCH_ARM 0x40000028
#define SCMP_ARCH_AARCH64 0xc00000b7
#define SCMP_ARCH_LOONGARCH64 0xc0000102
#define SCMP_ARCH_M68K 0x00000004
#define SCMP_ARCH_MIPS 0x00000008
#define SCMP_ARCH_MIPS64 0x80000008
#define SCMP_ARCH_MIPS64N32 0xa0000008
#define SCMP_ARCH_MIPSEL 0x40000008
#define SCMP_ARCH_MIPSEL64 0xc0000008
#define SCMP_ARCH_MIPSEL64N32 0xe0000008
#define SCMP_ARCH_PARISC 0x0000000f
#define SCMP_ARCH_PARISC64 0x8000000f
#define SCMP_ARCH_PPC 0x00000014
#define SCMP_ARCH_PPC64 0x80000015
#define SCMP_ARCH_PPC64LE 0xc0000015
#define SCMP_ARCH_S390 0x00000016
#define SCMP_ARCH_S390X 0x80000016
#define SCMP_ARCH_RISCV64 0xc00000f3
#define SCMP_ARCH_SHEB 0x0000002a
#define SCMP_ARCH_SH 0x4000002a

/* Calls by name: SCMP_SYS(openat). */
#define SCMP_SYS(name) (__SNR_##name)
#define __NR_SCMP_ERROR -1
#define __NR_SCMP_UNDEF -2

/* Comparisons: argument, operator, value; for SCMP_CMP_MASKED_EQ mask and value. */
#define SCMP_CMP64(arg, ...) \
	((struct scmp_arg_cmp){ (arg), _SCMP_WIDE(__VA_ARGS__, 0, 0) })
#define SCMP_CMP32(arg, ...) \
	((struct scmp_arg_cmp){ (arg), _SCMP_NARROW(__VA_ARGS__, 0, 0) })
#define SCMP_CMP(...) SCMP_CMP64(__VA_ARGS__)
#define _SCMP_WIDE(op, a, b, ...) (op), (scmp_datum_t)(a), (scmp_datum_t)(b)
#define _SCMP_NARROW(op, a, b, ...) \
	(op), (scmp_datum_t)(uint32_t)(a), (scmp_datum_t)(uint32_t)(b)

#define SCMP_A0(...) SCMP_CMP64(0, __VA_ARGS__)
#define SCMP_A1(...) SCMP_CMP64(1, __VA_ARGS__)
#define SCMP_A2(...) SCMP_CMP64(2, __VA_ARGS__)
#define SCMP_A3(...) SCMP_CMP64(3, __VA_ARGS__)
#define SCMP_A4(...) SCMP_CMP64(4, __VA_ARGS__)
#define SCMP_A5(...) SCMP_CMP64(5, __VA_ARGS__)
#define SCMP_A0_64(...) SCMP_CMP64(0, __VA_ARGS__)
#define SCMP_A1_64(...) SCMP_CMP64(1, __VA_ARGS__)
#define SCMP_A2_64(...) SCMP_CMP64(2, __VA_ARGS__)
#define SCMP_A3_64(...) SCMP_CMP64(3, __VA_ARGS__)
#define SCMP_A4_64(...) SCMP_CMP64(4, __VA_ARGS__)
#define SCMP_A5_64(...) SCMP_CMP64(5, __VA_ARGS__)
#define SCMP_A0_32(...) SCMP_CMP32(0, __VA_ARGS__)
#define SCMP_A1_32(...) SCMP_CMP32(1, __VA_ARGS__)
#define SCMP_A2_32(...) SCMP_CMP32(2, __VA_ARGS__)
#define SCMP_A3_32(...) SCMP_CMP32(3, __VA_ARGS__)
#define SCMP_A4_32(...) SCMP_CMP32(4, __VA_ARGS__)
#define SCMP_A5_32(...) SCMP_CMP32(5, __VA_ARGS__)

/* Actions. */
#define SCMP_ACT_MASK 0xffff0000U
#define SCMP_ACT_KILL_PROCESS 0x80000000U
#define SCMP_ACT_KILL_THREAD 0x00000000U
#define SCMP_ACT_KILL SCMP_ACT_KILL_THREAD
#define SCMP_ACT_TRAP 0x00030000U
/* With a number that the SIGSYS handler finds in si_errno. */
#define SCMP_ACT_TRAPX(message) (0x00030000U | ((message) & 0x0000ffffU))
#define SCMP_ACT_ERRNO(errno_value) (0x00050000U | ((errno_value) & 0x0000ffffU))
#define SCMP_ACT_NOTIFY 0x7fc00000U
#define SCMP_ACT_TRACE(message) (0x7ff00000U | ((message) & 0x0000ffffU))
#define SCMP_ACT_LOG 0x7ffc0000U
#define SCMP_ACT_ALLOW 0x7fff0000U

/* What notifications are made of, for headers from before Linux 5.0. */
#ifndef SECCOMP_RET_USER_NOTIF
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
struct seccomp_notif_sizes {
	__u16 seccomp_notif;
	__u16 seccomp_notif_resp;
	__u16 seccomp_data;
};
struct seccomp_notif {
	__u64 id;
	__u32 pid;
	__u32 flags;
	struct seccomp_data data;
};
struct seccomp_notif_resp {
	__u64 id;
	__s64 val;
	__s32 error;
	__u32 flags;
};
#endif
#ifndef SECCOMP_USER_NOTIF_FLAG_CONTINUE
#define SECCOMP_USER_NOTIF_FLAG_CONTINUE (1UL << 0)
#endif
#ifndef SECCOMP_ADDFD_FLAG_SETFD
#define SECCOMP_ADDFD_FLAG_SETFD (1UL << 0)
struct seccomp_notif_addfd {
	__u64 id;
	__u32 flags;
	__u32 srcfd;
	__u32 newfd;
	__u32 newfd_flags;
};
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif

/* The version of this library. */
const struct scmp_version *seccomp_version(void);

/* What the kernel supports, as a level from 1 to 7. */
unsigned int seccomp_api_get(void);
int seccomp_api_set(unsigned int level);

/* Contexts. seccomp_init() returns NULL if the action is none. */
scmp_filter_ctx seccomp_init(uint32_t def_action);
int seccomp_reset(scmp_filter_ctx ctx, uint32_t def_action);
void seccomp_release(scmp_filter_ctx ctx);
int seccomp_merge(scmp_filter_ctx ctx_dst, scmp_filter_ctx ctx_src);

/* Architectures. seccomp_arch_resolve_name() returns 0 for an unknown name, seccomp_arch_name() NULL for an
   unknown token; what it returns is not to be freed. */
uint32_t seccomp_arch_resolve_name(const char *arch_name);
const char *seccomp_arch_name(uint32_t arch_token);
uint32_t seccomp_arch_native(void);
int seccomp_arch_exist(const scmp_filter_ctx ctx, uint32_t arch_token);
int seccomp_arch_add(scmp_filter_ctx ctx, uint32_t arch_token);
int seccomp_arch_remove(scmp_filter_ctx ctx, uint32_t arch_token);

/* Loading. */
int seccomp_load(const scmp_filter_ctx ctx);
int seccomp_precompute(const scmp_filter_ctx ctx);

/* Attributes. */
int seccomp_attr_get(const scmp_filter_ctx ctx, enum scmp_filter_attr attr, uint32_t *value);
int seccomp_attr_set(scmp_filter_ctx ctx, enum scmp_filter_attr attr, uint32_t value);

/* Names and numbers. A name that is returned must be freed; an unknown name gives __NR_SCMP_ERROR. */
char *seccomp_syscall_resolve_num_arch(uint32_t arch_token, int num);
int seccomp_syscall_resolve_name_arch(uint32_t arch_token, const char *name);
int seccomp_syscall_resolve_name_rewrite(uint32_t arch_token, const char *name);
int seccomp_syscall_resolve_name(const char *name);

/* Rules. The variadic functions take arg_cnt values of struct scmp_arg_cmp. */
int seccomp_syscall_priority(scmp_filter_ctx ctx, int syscall, uint8_t priority);
int seccomp_rule_add(scmp_filter_ctx ctx, uint32_t action, int syscall, unsigned int arg_cnt, ...);
int seccomp_rule_add_array(scmp_filter_ctx ctx, uint32_t action, int syscall, unsigned int arg_cnt,
			   const struct scmp_arg_cmp *arg_array);
int seccomp_rule_add_exact(scmp_filter_ctx ctx, uint32_t action, int syscall, unsigned int arg_cnt, ...);
int seccomp_rule_add_exact_array(scmp_filter_ctx ctx, uint32_t action, int syscall, unsigned int arg_cnt,
				 const struct scmp_arg_cmp *arg_array);

/* Notifications. seccomp_notify_fd() returns the descriptor, seccomp_notify_addfd() the one the caller got. */
int seccomp_notify_alloc(struct seccomp_notif **req, struct seccomp_notif_resp **resp);
void seccomp_notify_free(struct seccomp_notif *req, struct seccomp_notif_resp *resp);
int seccomp_notify_receive(int fd, struct seccomp_notif *req);
int seccomp_notify_respond(int fd, struct seccomp_notif_resp *resp);
int seccomp_notify_addfd(int fd, struct seccomp_notif_addfd *addfd);
int seccomp_notify_id_valid(int fd, uint64_t id);
int seccomp_notify_fd(const scmp_filter_ctx ctx);

/* Writing a filter out. */
int seccomp_export_pfc(const scmp_filter_ctx ctx, int fd);
int seccomp_export_bpf(const scmp_filter_ctx ctx, int fd);
int seccomp_export_bpf_mem(const scmp_filter_ctx ctx, void *buf, size_t *len);

/* Transactions. */
int seccomp_transaction_start(const scmp_filter_ctx ctx);
void seccomp_transaction_reject(const scmp_filter_ctx ctx);
int seccomp_transaction_commit(const scmp_filter_ctx ctx);

#include <seccomp-syscalls.h>

#ifdef __cplusplus
}
#endif

#endif
