//! Blocks in a row: written from the end, so that every jump knows how far it goes.

use super::graph::{Block, Graph, Id};
use crate::diagram::{Mix, words::Test};
use callgate_abi::insn::op;
use callgate_abi::{Endian, Insn, Word};

/// The farthest a conditional jump reaches.
const REACH: usize = 255;

/// Where a block may be entered, by what the accumulator holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Entry {
    /// Nothing of use: load the word first.
    Load,
    /// The word: mask it if need be.
    Loaded,
    /// The masked word.
    Ready,
}

/// What the accumulator holds: a word, by its index, and the mask it was put through. No `Option`, whose missing value
/// valgrind takes for a mistake where the compiler looks at it before it asks whether it is there.
type Held = (u32, u32);

/// Nothing of use.
const NOTHING: Held = (u32::MAX, 0);

fn held(word: Word, mask: u32) -> Held {
    (u32::from(word.index()), mask)
}

/// The instructions of the graph from `root` on. May be longer than the kernel takes.
pub(super) fn layout(graph: &Graph, root: Id, endian: Endian) -> Vec<Insn> {
    let mut writer = Writer {
        graph,
        endian,
        code: Vec::with_capacity(graph.len() * 2),
        places: vec![Places::default(); graph.len()],
        needed: vec![[false; 3]; graph.len()],
    };
    let order = writer.order(root);
    for id in order {
        writer.write(id);
    }
    writer.code.reverse();
    writer.code
}

/// Where the code of a block begins, per entry, counted from the end of the program; the nearest copy.
#[derive(Clone, Copy, Default)]
struct Places {
    at: [Option<usize>; 3],
}

struct Writer<'a> {
    graph: &'a Graph,
    endian: Endian,
    /// The program backwards.
    code: Vec<Insn>,
    places: Vec<Places>,
    needed: Vec<[bool; 3]>,
}

impl Writer<'_> {
    /// Every block after its successors, and which entries of each are used.
    fn order(&mut self, root: Id) -> Vec<Id> {
        let mut order = Vec::with_capacity(self.graph.len());
        let mut seen = vec![false; self.graph.len()];
        let mut todo = vec![(root, false)];
        self.need(root, NOTHING);
        while let Some((id, successors_done)) = todo.pop() {
            if successors_done {
                order.push(id);
                continue;
            }
            if std::mem::replace(&mut seen[id.0 as usize], true) {
                continue;
            }
            todo.push((id, true));
            let successors = match self.graph.get(id) {
                Block::Ret(_) => None,
                Block::Test { word, mask, then, other, .. } => Some((held(word, mask), then, other)),
                Block::Mixed { then, other, .. } => Some((NOTHING, then, other)),
            };
            if let Some((held, then, other)) = successors {
                self.need(then, held);
                self.need(other, held);
                // The successor written last falls through.
                todo.push((other, false));
                todo.push((then, false));
            }
        }
        order
    }

    fn entry(&self, id: Id, held: Held) -> Entry {
        match self.graph.get(id) {
            Block::Ret(_) => Entry::Ready,
            Block::Test { word, mask, .. } if held == self::held(word, mask) => Entry::Ready,
            Block::Test { word, .. } if held == self::held(word, u32::MAX) => Entry::Loaded,
            Block::Test { .. } | Block::Mixed { .. } => Entry::Load,
        }
    }

    fn need(&mut self, id: Id, held: Held) {
        let entry = self.entry(id, held);
        self.needed[id.0 as usize][entry as usize] = true;
    }

    fn put(&mut self, insn: Insn) -> usize {
        self.code.push(insn);
        self.code.len()
    }

    fn write(&mut self, id: Id) {
        let slot = id.0 as usize;
        let (word, mask, test, then, other) = match self.graph.get(id) {
            Block::Ret(value) => {
                let at = self.put(Insn::stmt(op::RET_K, value));
                self.places[slot].at = [Some(at); 3];
                return;
            }
            Block::Mixed { mix, then, other } => return self.write_mixed(slot, mix, then, other),
            Block::Test { word, mask, test, then, other } => (word, mask, test, then, other),
        };
        let at = self.jump(test, held(word, mask), then, other);
        self.places[slot].at[Entry::Ready as usize] = Some(at);
        let [load, loaded, _] = self.needed[slot];
        let mut at = at;
        if mask != u32::MAX && (load || loaded) {
            at = self.put(Insn::stmt(op::AND_K, mask));
        }
        self.places[slot].at[Entry::Loaded as usize] = Some(at);
        if load {
            let at = self.load(word);
            self.places[slot].at[Entry::Load as usize] = Some(at);
        }
    }

    /// Nothing of use is held afterwards.
    fn write_mixed(&mut self, slot: usize, mix: Mix, then: Id, other: Id) {
        self.jump(Test::Eq(mix.value), NOTHING, then, other);
        self.put(Insn::stmt(op::AND_K, mix.mask));
        self.put(Insn::stmt(if mix.minus { op::SUB_X } else { op::ADD_X }, 0));
        self.load(mix.second);
        self.put(Insn::stmt(op::TAX, 0));
        let at = self.load(mix.first);
        self.places[slot].at = [Some(at); 3];
    }

    fn load(&mut self, word: Word) -> usize {
        self.put(Insn::stmt(op::LD_ABS, word.offset(self.endian)))
    }

    /// The conditional jump of a test, to successors that find this in the accumulator.
    fn jump(&mut self, test: Test, held: Held, then: Id, other: Id) -> usize {
        let targets = [(then, self.entry(then, held)), (other, self.entry(other, held))];
        // A detour written for one target pushes the other further away, hence the second look.
        for _ in 0..2 {
            for (target, entry) in targets {
                // One place is left for the detour of the other target.
                if self.code.len() - self.place(target, entry) > REACH - 1 {
                    self.detour(target, entry);
                }
            }
        }
        let [jt, jf] = targets.map(|(target, entry)| {
            u8::try_from(self.code.len() - self.place(target, entry))
                .expect("a detour keeps every jump in reach")
        });
        let (code, k) = match test {
            Test::Eq(k) => (op::JEQ_K, k),
            Test::Gt(k) => (op::JGT_K, k),
            Test::Ge(k) => (op::JGE_K, k),
            Test::Set(k) => (op::JSET_K, k),
        };
        self.put(Insn::jump(code, k, jt, jf))
    }

    fn place(&self, id: Id, entry: Entry) -> usize {
        self.places[id.0 as usize].at[entry as usize].expect("successors are written first")
    }

    /// Brings a far target near: a copy of a return, or a jump that reaches any distance.
    fn detour(&mut self, id: Id, entry: Entry) {
        if let Block::Ret(value) = self.graph.get(id) {
            let at = self.put(Insn::stmt(op::RET_K, value));
            self.places[id.0 as usize].at = [Some(at); 3];
        } else {
            let distance = self.code.len() - self.place(id, entry);
            let at = self.put(Insn::stmt(op::JA, distance as u32));
            self.places[id.0 as usize].at[entry as usize] = Some(at);
        }
    }
}
