//! What is known of a register when an instruction is reached.

use crate::program::run::alu;
use callgate_abi::Word;
use callgate_abi::insn::op;

/// The content of a register or scratch word, as far as the instructions before tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::program) enum Value {
    /// Nothing is known.
    Unknown,
    /// Nothing can be known because an error came before; agrees with every claim.
    Poison,
    /// This number.
    Const(u32),
    /// `(word & mask) >> shift`.
    Field(Field),
}

/// `(word & mask) >> shift`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::program) struct Field {
    /// The word of `struct seccomp_data`.
    pub(in crate::program) word: Word,
    /// The bits that are kept.
    pub(in crate::program) mask: u32,
    /// How far they are moved down, 0–31.
    pub(in crate::program) shift: u32,
}

impl Field {
    /// The whole word.
    pub(in crate::program) fn whole(word: Word) -> Field {
        Field { word, mask: u32::MAX, shift: 0 }
    }

    /// Whether the field is the word itself.
    pub(in crate::program) fn is_whole(self) -> bool {
        self.mask == u32::MAX && self.shift == 0
    }

    /// The field's value when the word is `raw`.
    pub(in crate::program) fn of(self, raw: u32) -> u32 {
        (raw & self.mask) >> self.shift
    }

    /// The bits of the word that a value of the field stands for.
    pub(in crate::program) fn spread(self, value: u32) -> u32 {
        value << self.shift
    }
}

impl Value {
    /// The whole word.
    pub(in crate::program) fn word(word: Word) -> Value {
        Value::Field(Field::whole(word))
    }

    /// What holds when either value may have arrived.
    pub(super) fn join(self, other: Value) -> Value {
        if self == other {
            self
        } else if self == Value::Poison || other == Value::Poison {
            Value::Poison
        } else {
            Value::Unknown
        }
    }

    /// The value after an arithmetic instruction with a known or unknown operand.
    pub(super) fn alu(self, code: u16, operand: Value) -> Value {
        let operation = code & !0x08;
        match (self, operand) {
            (Value::Poison, _) | (_, Value::Poison) => Value::Poison,
            (Value::Const(a), _) if code == op::NEG => Value::Const(a.wrapping_neg()),
            (Value::Const(a), Value::Const(b)) if operation != op::DIV_K || b != 0 => {
                Value::Const(alu(code, a, b))
            }
            (Value::Field(f), Value::Const(k)) => match operation {
                op::AND_K => Value::Field(Field { mask: f.mask & f.spread(k), ..f }).settled(),
                op::RSH_K if k < 32 && f.shift + k < 32 => {
                    Value::Field(Field { shift: f.shift + k, ..f }).settled()
                }
                op::ADD_K | op::SUB_K | op::OR_K | op::XOR_K | op::LSH_K if k == 0 => self,
                _ => Value::Unknown,
            },
            _ => Value::Unknown,
        }
    }

    /// The one spelling of equal fields: no mask bits that the shift drops.
    fn settled(self) -> Value {
        match self {
            Value::Field(f) => {
                let mask = f.mask >> f.shift << f.shift;
                if f.mask == u32::MAX {
                    self
                } else if mask == 0 {
                    Value::Const(0)
                } else {
                    Value::Field(Field { mask, ..f })
                }
            }
            other => other,
        }
    }
}
