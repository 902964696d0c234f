//! Writing eBPF programs, with jumps to places that come later.
//!
//! Source: `Documentation/bpf/standardization/instruction-set.rst`.

/// A register. 10 is the frame pointer, 0 what a helper returns, 1 to 5 its arguments; 6 to 9 survive calls.
pub(super) type Reg = u8;
/// The frame pointer.
pub(super) const FP: Reg = 10;

/// A helper of the kernel, by its number in `include/uapi/linux/bpf.h`.
#[derive(Clone, Copy)]
pub(super) enum Helper {
    Lookup = 1,
    Update = 2,
    Delete = 3,
    Processor = 8,
    ReadUser = 112,
    ReadKernel = 113,
    ReadKernelStr = 115,
    AncestorCgroup = 123,
    Reserve = 131,
    Submit = 132,
    /// The current task, as a pointer whose type is known.
    TaskTyped = 158,
    /// Its registers, the same.
    Registers = 175,
}

/// What two numbers are compared for, unsigned; the code of the jump.
#[derive(Clone, Copy)]
pub(super) enum Test {
    Eq = 0x10,
    Ge = 0x30,
    Ne = 0x50,
}

/// What is done with two numbers of 64 bits; the code of the operation.
#[derive(Clone, Copy)]
pub(super) enum Alu {
    Add = 0x00,
    Mul = 0x20,
    Or = 0x40,
    And = 0x50,
    Shl = 0x60,
    Shr = 0x70,
}

/// How much is loaded or stored; the code of the size.
#[derive(Clone, Copy)]
pub(super) enum Size {
    Word = 0x00,
    Double = 0x18,
}

/// A place to jump to.
#[derive(Clone, Copy)]
pub(super) struct Label(usize);

/// A program under construction.
#[derive(Default)]
pub(super) struct Code {
    insns: Vec<u64>,
    /// The instruction each label stands before.
    labels: Vec<Option<usize>>,
    /// Jumps, and where they lead.
    jumps: Vec<(usize, Label)>,
}

impl Code {
    fn push(&mut self, op: u8, dst: Reg, src: Reg, offset: i16, imm: i32) {
        let registers = u64::from(dst | src << 4) << 8;
        let offset = u64::from(offset.cast_unsigned()) << 16;
        self.insns.push(u64::from(op) | registers | offset | u64::from(imm.cast_unsigned()) << 32);
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The label stands here.
    pub(super) fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.insns.len());
    }

    pub(super) fn mov(&mut self, dst: Reg, src: Reg) {
        self.push(0xbf, dst, src, 0, 0);
    }

    pub(super) fn mov_imm(&mut self, dst: Reg, imm: i32) {
        self.push(0xb7, dst, 0, 0, imm);
    }

    /// A number of 64 bits.
    pub(super) fn load_imm(&mut self, dst: Reg, imm: u64) {
        self.wide(dst, 0, imm as u32, (imm >> 32) as u32);
    }

    /// A map (`BPF_PSEUDO_MAP_FD`).
    pub(super) fn load_map(&mut self, dst: Reg, fd: i32) {
        self.wide(dst, 1, fd.cast_unsigned(), 0);
    }

    /// A place in the value of an array that has one (`BPF_PSEUDO_MAP_VALUE`).
    pub(super) fn load_value(&mut self, dst: Reg, fd: i32, at: usize) {
        self.wide(dst, 2, fd.cast_unsigned(), at as u32);
    }

    fn wide(&mut self, dst: Reg, src: Reg, low: u32, high: u32) {
        self.push(0x18, dst, src, 0, low.cast_signed());
        self.push(0, 0, 0, 0, high.cast_signed());
    }

    pub(super) fn alu(&mut self, alu: Alu, dst: Reg, src: Reg) {
        self.push(0x0f | alu as u8, dst, src, 0, 0);
    }

    pub(super) fn alu_imm(&mut self, alu: Alu, dst: Reg, imm: i32) {
        self.push(0x07 | alu as u8, dst, 0, 0, imm);
    }

    pub(super) fn load(&mut self, size: Size, dst: Reg, src: Reg, offset: i16) {
        self.push(0x61 | size as u8, dst, src, offset, 0);
    }

    pub(super) fn store(&mut self, size: Size, dst: Reg, offset: i16, src: Reg) {
        self.push(0x63 | size as u8, dst, src, offset, 0);
    }

    pub(super) fn store_imm(&mut self, size: Size, dst: Reg, offset: i16, imm: i32) {
        self.push(0x62 | size as u8, dst, 0, offset, imm);
    }

    /// `*(u64 *)(dst + offset) += src`, in one step.
    pub(super) fn atomic_add(&mut self, dst: Reg, offset: i16, src: Reg) {
        self.push(0xdb, dst, src, offset, 0);
    }

    /// The same; what was there before replaces `src` (Linux 5.12).
    pub(super) fn atomic_fetch_add(&mut self, dst: Reg, offset: i16, src: Reg) {
        self.push(0xdb, dst, src, offset, 1);
    }

    pub(super) fn jump(&mut self, to: Label) {
        self.jumps.push((self.insns.len(), to));
        self.push(0x05, 0, 0, 0, 0);
    }

    pub(super) fn jump_if(&mut self, test: Test, dst: Reg, imm: i32, to: Label) {
        self.jumps.push((self.insns.len(), to));
        self.push(0x05 | test as u8, dst, 0, 0, imm);
    }

    pub(super) fn jump_if_reg(&mut self, test: Test, dst: Reg, src: Reg, to: Label) {
        self.jumps.push((self.insns.len(), to));
        self.push(0x0d | test as u8, dst, src, 0, 0);
    }

    pub(super) fn call(&mut self, helper: Helper) {
        self.push(0x85, 0, 0, 0, helper as i32);
    }

    /// `return 0`.
    pub(super) fn exit(&mut self) {
        self.mov_imm(0, 0);
        self.push(0x95, 0, 0, 0, 0);
    }

    /// The instructions, `struct bpf_insn` each; `None` when a jump leads nowhere or too far.
    pub(super) fn finish(mut self) -> Option<Vec<u64>> {
        for (at, label) in &self.jumps {
            let to = (*self.labels.get(label.0)?)?;
            let offset = i16::try_from(to as i64 - *at as i64 - 1).ok()?;
            self.insns[*at] |= u64::from(offset.cast_unsigned()) << 16;
        }
        Some(self.insns)
    }
}
