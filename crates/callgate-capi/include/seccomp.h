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
#include <stddef.h>
#include <stdint.h>
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
	_SCMP_FLTATR_MAX,
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
