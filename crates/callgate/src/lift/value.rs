//! What a register holds while a program is executed symbolically.

use super::liveness::up_to;
use crate::diagram::{Ref, Store, TooLarge, words::Test};
use crate::hash::FastMap;
use crate::program::alu;
use callgate_abi::Word;
use callgate_abi::insn::{MEM_WORDS, op};

/// A register's value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Value {
    /// A known number.
    Const(u32),
    /// `word & mask`.
    Field(Word, u32),
    /// `word * mul + add`, wrapping; `mul` is neither 0 nor 1 with `add` 0.
    Affine(Word, u32, u32),
    /// 32 conditions, least significant bit first, by number in [`Scratch`].
    Bits(u32),
}

/// All registers. The scratch words are interned, because hardly any program has them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct State {
    pub(super) a: Value,
    pub(super) x: Value,
    pub(super) mem: u32,
}

impl State {
    pub(super) const START: State = State { a: Value::Const(0), x: Value::Const(0), mem: 0 };
}

type Mem = [Value; MEM_WORDS];

/// What every program begins with, and nearly all end with: number 0, and in no index.
const EMPTY: Mem = [Value::Const(0); MEM_WORDS];

/// The interned scratch memories and bit vectors of one lift.
pub(super) struct Scratch {
    mems: Vec<Mem>,
    mem_index: FastMap<Mem, u32>,
    vectors: Vec<[Ref; 32]>,
    vector_index: FastMap<[Ref; 32], u32>,
}

impl Scratch {
    pub(super) fn new() -> Scratch {
        Scratch {
            mems: vec![EMPTY],
            mem_index: FastMap::default(),
            vectors: Vec::new(),
            vector_index: FastMap::default(),
        }
    }

    /// What is kept here, counted in nodes of a diagram by its size: each memory and vector is here twice.
    pub(super) fn kept(&self) -> usize {
        self.mems.len() * 12 + self.vectors.len() * 8
    }

    pub(super) fn mem(&self, mem: u32) -> &Mem {
        &self.mems[mem as usize]
    }

    pub(super) fn intern_mem(&mut self, mem: Mem) -> u32 {
        if mem == EMPTY {
            return 0;
        }
        *self.mem_index.entry(mem).or_insert_with(|| {
            self.mems.push(mem);
            self.mems.len() as u32 - 1
        })
    }

    fn vector(&mut self, bits: [Ref; 32]) -> Value {
        if bits.iter().all(|b| b.is_leaf()) {
            let set = (0..32).filter(|&i| bits[i as usize] == Ref::TRUE);
            return Value::Const(set.fold(0, |n, i| n | 1 << i));
        }
        Value::Bits(*self.vector_index.entry(bits).or_insert_with(|| {
            self.vectors.push(bits);
            self.vectors.len() as u32 - 1
        }))
    }

    /// The value's bits as conditions, least significant first.
    pub(super) fn bits(&self, store: &mut Store, value: Value) -> Result<[Ref; 32], TooLarge> {
        let mut bits = [Ref::FALSE; 32];
        match value {
            Value::Const(n) => {
                for (i, bit) in bits.iter_mut().enumerate() {
                    *bit = if n >> i & 1 == 1 { Ref::TRUE } else { Ref::FALSE };
                }
            }
            Value::Field(word, mask) => {
                for (i, bit) in bits.iter_mut().enumerate() {
                    if mask >> i & 1 == 1 {
                        let level = u16::from(word.index()) * 32 + 31 - i as u16;
                        *bit = store.mk(level, Ref::FALSE, Ref::TRUE)?;
                    }
                }
            }
            Value::Affine(word, mul, add_) => {
                let word = self.bits(store, Value::Field(word, u32::MAX))?;
                let mul = self.bits(store, Value::Const(mul))?;
                let sum = self.bits(store, Value::Const(add_))?;
                let product = multiply(store, &word, &mul)?;
                bits = add(store, &product, &sum, Ref::FALSE)?.0;
            }
            Value::Bits(id) => bits = self.vectors[id as usize],
        }
        Ok(bits)
    }

    /// The value once `word` is known to be `n`.
    pub(super) fn fix(
        &mut self,
        store: &mut Store,
        value: Value,
        word: Word,
        n: u32,
    ) -> Result<Value, TooLarge> {
        Ok(match value {
            Value::Field(w, mask) if w == word => Value::Const(n & mask),
            Value::Affine(w, mul, add) if w == word => Value::Const(n.wrapping_mul(mul).wrapping_add(add)),
            Value::Bits(id) => {
                let mut bits = self.vectors[id as usize];
                for bit in &mut bits {
                    *bit = store.fix(*bit, word, n)?;
                }
                self.vector(bits)
            }
            other => other,
        })
    }

    /// `a op b` for an arithmetic opcode (K or X form alike). Division by a value that may be zero is
    /// the caller's to guard; where it is zero the result is of no account. Only
    /// the bits up to the highest in `need` come out right.
    pub(super) fn alu(
        &mut self,
        store: &mut Store,
        code: u16,
        a: Value,
        b: Value,
        need: u32,
    ) -> Result<Value, TooLarge> {
        match (a, b, code & !0x08) {
            (Value::Const(a), Value::Const(b), _) => return Ok(Value::Const(alu(code, a, b))),
            (Value::Field(w, mask), Value::Const(k), op::AND_K) => return Ok(field(w, mask & k)),
            (
                value,
                Value::Const(0),
                op::OR_K | op::XOR_K | op::ADD_K | op::SUB_K | op::LSH_K | op::RSH_K,
            ) => {
                return Ok(value);
            }
            _ => {}
        }
        if let Some(value) = linear(code, a, b) {
            return Ok(value);
        }
        let (mut x, mut y) = (self.bits(store, a)?, self.bits(store, b)?);
        if matches!(code & !0x08, op::ADD_K | op::SUB_K | op::MUL_K | op::AND_K | op::OR_K | op::XOR_K) {
            drop_above(&mut x, need);
            drop_above(&mut y, need);
        }
        let bits = match code & !0x08 {
            op::AND_K => each(store, &x, &y, |s, a, b| s.ite(a, b, Ref::FALSE))?,
            op::OR_K => each(store, &x, &y, |s, a, b| s.ite(a, Ref::TRUE, b))?,
            op::XOR_K => each(store, &x, &y, xor)?,
            op::ADD_K => add(store, &x, &y, Ref::FALSE)?.0,
            op::SUB_K => subtract(store, &x, &y)?.0,
            op::LSH_K => shift(store, x, &y, |bits, by| {
                std::array::from_fn(|i| if i >= by { bits[i - by] } else { Ref::FALSE })
            })?,
            op::RSH_K => shift(store, x, &y, |bits, by| {
                std::array::from_fn(|i| if i + by < 32 { bits[i + by] } else { Ref::FALSE })
            })?,
            op::MUL_K => multiply(store, &x, &y)?,
            _ => divide(store, &x, &y)?,
        };
        Ok(self.vector(bits))
    }

    /// `-a`.
    pub(super) fn negate(&mut self, store: &mut Store, a: Value, need: u32) -> Result<Value, TooLarge> {
        if let Value::Const(a) = a {
            return Ok(Value::Const(a.wrapping_neg()));
        }
        if let Some(value) = linear(op::SUB_K, Value::Const(0), a) {
            return Ok(value);
        }
        let mut bits = self.bits(store, a)?;
        drop_above(&mut bits, need);
        let bits = subtract(store, &[Ref::FALSE; 32], &bits)?.0;
        Ok(self.vector(bits))
    }

    /// The condition `test(a, b)`, for operands that are not both known.
    pub(super) fn condition(
        &mut self,
        store: &mut Store,
        code: u16,
        a: Value,
        b: Value,
    ) -> Result<Ref, TooLarge> {
        if let (Value::Field(word, mask), Value::Const(k)) = (a, b) {
            return store.branch(word, mask, test(code, k), Ref::TRUE, Ref::FALSE);
        }
        if code & !0x08 == op::JEQ_K
            && let Some((word, mul, add)) = linear(op::SUB_K, a, b).and_then(affine)
        {
            // mul * word == -add: with mul odd times 2^t, the low 32-t bits of the word are determined.
            let Some(word) = word else { return Ok(if add == 0 { Ref::TRUE } else { Ref::FALSE }) };
            let (twos, target) = (mul.trailing_zeros(), add.wrapping_neg());
            if target.trailing_zeros() < twos {
                return Ok(Ref::FALSE);
            }
            let value = (target >> twos).wrapping_mul(inverse(mul >> twos));
            let mask = u32::MAX >> twos;
            return store.branch(word, mask, Test::Eq(value & mask), Ref::TRUE, Ref::FALSE);
        }
        let (x, y) = (self.bits(store, a)?, self.bits(store, b)?);
        Ok(match code & !0x08 {
            op::JEQ_K => {
                let mut all = Ref::TRUE;
                for i in 0..32 {
                    let differ = xor(store, x[i], y[i])?;
                    all = store.ite(differ, Ref::FALSE, all)?;
                }
                all
            }
            op::JGE_K => subtract(store, &x, &y)?.1,
            op::JGT_K => {
                let at_most = subtract(store, &y, &x)?.1;
                store.ite(at_most, Ref::FALSE, Ref::TRUE)?
            }
            _ => {
                let mut any = Ref::FALSE;
                for i in 0..32 {
                    let both = store.ite(x[i], y[i], Ref::FALSE)?;
                    any = store.ite(both, Ref::TRUE, any)?;
                }
                any
            }
        })
    }
}

/// The test a conditional jump makes against a constant.
pub(super) fn test(code: u16, k: u32) -> Test {
    match code & !0x08 {
        op::JEQ_K => Test::Eq(k),
        op::JGT_K => Test::Gt(k),
        op::JGE_K => Test::Ge(k),
        _ => Test::Set(k),
    }
}

/// Forgets the bits above every one needed; carries only travel upwards.
fn drop_above(bits: &mut Bits, need: u32) {
    let keep = up_to(need);
    for (i, bit) in bits.iter_mut().enumerate() {
        if keep >> i & 1 == 0 {
            *bit = Ref::FALSE;
        }
    }
}

/// `(word, mul, add)` of a value that is linear in at most one whole word.
fn affine(value: Value) -> Option<(Option<Word>, u32, u32)> {
    match value {
        Value::Const(k) => Some((None, 0, k)),
        Value::Field(word, u32::MAX) => Some((Some(word), 1, 0)),
        Value::Affine(word, mul, add) => Some((Some(word), mul, add)),
        Value::Field(..) | Value::Bits(_) => None,
    }
}

/// `a op b` where both are linear in the same word and so is the result.
fn linear(code: u16, a: Value, b: Value) -> Option<Value> {
    let ((wa, ma, ca), (wb, mb, cb)) = (affine(a)?, affine(b)?);
    let (word, mul, add) = match (code & !0x08, wa, wb) {
        (op::ADD_K, _, _) if wa.is_none() || wb.is_none() || wa == wb => {
            (wa.or(wb)?, ma.wrapping_add(mb), ca.wrapping_add(cb))
        }
        (op::SUB_K, _, _) if wa.is_none() || wb.is_none() || wa == wb => {
            (wa.or(wb)?, ma.wrapping_sub(mb), ca.wrapping_sub(cb))
        }
        (op::MUL_K, Some(word), None) => (word, ma.wrapping_mul(cb), ca.wrapping_mul(cb)),
        (op::MUL_K, None, Some(word)) => (word, mb.wrapping_mul(ca), cb.wrapping_mul(ca)),
        (op::LSH_K, Some(word), None) => (word, ma.wrapping_shl(cb), ca.wrapping_shl(cb)),
        _ => return None,
    };
    Some(match (mul, add) {
        (0, _) => Value::Const(add),
        (1, 0) => Value::Field(word, u32::MAX),
        _ => Value::Affine(word, mul, add),
    })
}

/// The inverse of an odd number modulo 2^32, by Newton's iteration.
fn inverse(odd: u32) -> u32 {
    (0..5).fold(odd, |x, _| x.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(x))))
}

/// A masked word, or 0 where nothing is left of it.
fn field(word: Word, mask: u32) -> Value {
    if mask == 0 { Value::Const(0) } else { Value::Field(word, mask) }
}

/// Whether a value depends on `word`.
pub(super) fn mentions(store: &Store, scratch: &Scratch, value: Value, word: Word) -> bool {
    match value {
        Value::Const(_) => false,
        Value::Field(w, _) | Value::Affine(w, ..) => w == word,
        Value::Bits(id) => scratch.vectors[id as usize].iter().any(|&b| store.asks(b, word)),
    }
}

type Bits = [Ref; 32];

fn each(
    store: &mut Store,
    x: &Bits,
    y: &Bits,
    f: impl Fn(&mut Store, Ref, Ref) -> Result<Ref, TooLarge>,
) -> Result<Bits, TooLarge> {
    let mut out = [Ref::FALSE; 32];
    for i in 0..32 {
        out[i] = f(store, x[i], y[i])?;
    }
    Ok(out)
}

fn xor(store: &mut Store, a: Ref, b: Ref) -> Result<Ref, TooLarge> {
    let not_b = store.ite(b, Ref::FALSE, Ref::TRUE)?;
    store.ite(a, not_b, b)
}

/// Sum and carry.
fn add(store: &mut Store, x: &Bits, y: &Bits, mut carry: Ref) -> Result<(Bits, Ref), TooLarge> {
    let mut out = [Ref::FALSE; 32];
    for i in 0..32 {
        let half = xor(store, x[i], y[i])?;
        out[i] = xor(store, half, carry)?;
        carry = store.ite(half, carry, x[i])?;
    }
    Ok((out, carry))
}

/// `x - y`, and whether `x >= y`.
fn subtract(store: &mut Store, x: &Bits, y: &Bits) -> Result<(Bits, Ref), TooLarge> {
    let mut inverted = [Ref::FALSE; 32];
    for i in 0..32 {
        inverted[i] = store.ite(y[i], Ref::FALSE, Ref::TRUE)?;
    }
    add(store, x, &inverted, Ref::TRUE)
}

/// A shift by the low five bits of `by`: the kernel masks the count.
fn shift(
    store: &mut Store,
    mut x: Bits,
    by: &Bits,
    once: impl Fn(&Bits, usize) -> Bits,
) -> Result<Bits, TooLarge> {
    for (i, &bit) in by.iter().take(5).enumerate() {
        let moved = once(&x, 1 << i);
        for j in 0..32 {
            x[j] = store.ite(bit, moved[j], x[j])?;
        }
    }
    Ok(x)
}

fn multiply(store: &mut Store, x: &Bits, y: &Bits) -> Result<Bits, TooLarge> {
    let mut sum = [Ref::FALSE; 32];
    for i in 0..32 {
        if y[i] == Ref::FALSE {
            continue;
        }
        let mut part = [Ref::FALSE; 32];
        for j in i..32 {
            part[j] = store.ite(y[i], x[j - i], Ref::FALSE)?;
        }
        sum = add(store, &sum, &part, Ref::FALSE)?.0;
    }
    Ok(sum)
}

/// Schoolbook division, a bit of the quotient at a time.
fn divide(store: &mut Store, x: &Bits, y: &Bits) -> Result<Bits, TooLarge> {
    let mut quotient = [Ref::FALSE; 32];
    let mut rest = [Ref::FALSE; 32];
    for i in (0..32).rev() {
        let overflow = rest[31];
        rest.copy_within(0..31, 1);
        rest[0] = x[i];
        let (less, fits) = subtract(store, &rest, y)?;
        let fits = store.ite(overflow, Ref::TRUE, fits)?;
        quotient[i] = fits;
        for j in 0..32 {
            rest[j] = store.ite(fits, less[j], rest[j])?;
        }
    }
    Ok(quotient)
}
