//! In which order calls are listed, and asked for.

use crate::chain::Rules;
use crate::collection::Collection;
use crate::meaning;
use crate::rules::ArchRules;
use crate::token;
use crate::tree::Tree;
use callgate::Arch;
use std::borrow::Cow;
use std::cmp::Reverse;

/// A collection of no more calls for an audit token is asked for in the order of the text, one call after the other:
/// libseccomp's programs do the same, and no tree has a shorter way to each of them.
const FEW: usize = 8;

/// Where `CTL_OPTIMIZE` asks for a tree, its leaves hold as many calls, the highest number first.
pub(crate) const LEAF: usize = 4;

/// Trees of more calls are not held against libseccomp's: those by behaviour are shorter, and looking takes time.
const MANY: usize = 64;

/// As many calls that a program has given a priority are asked for before all others.
const MOST: usize = 16;

/// The tests of a call that are listed, one tree after the other.
pub(crate) fn trees(rules: &Rules, arch: Arch, default: u32) -> Vec<Cow<'_, Tree>> {
    if rules.always().is_some() {
        return Vec::new();
    }
    if meaning::is_listed(rules, arch, default) {
        return vec![Cow::Borrowed(rules.tree())];
    }
    let narrow = token::is_narrow(arch);
    rules
        .ordered()
        .into_iter()
        .map(|chain| Cow::Owned(Tree::of(&chain.compares, chain.action, narrow)))
        .collect()
}

/// The priority of a call with rules: what was asked for, then the fewer tests the higher. Without rules only what
/// was asked for.
pub(crate) fn priority(
    collection: &Collection,
    arch: Arch,
    number: i32,
    trees: Option<&[Cow<'_, Tree>]>,
) -> u32 {
    let asked = collection.priorities.get(&(arch, number)).map_or(0, |p| p.value);
    let own = trees.map_or(0, |trees| {
        let tests = trees.iter().fold(0, |sum: u32, tree| sum.wrapping_add(tree.count()));
        0xffff_u32.wrapping_sub(tests) & 0xffff
    });
    u32::from(asked) << 16 | own
}

/// The calls that no program of libseccomp's has a shorter way to, by audit token and number: all where it asks a tree
/// for them, or where there are few, in its order; else those that have been given a priority.
pub(crate) fn calls(collection: &Collection) -> Vec<(u32, u32)> {
    let mut tokens: Vec<u32> = collection.filters.iter().map(|f| f.arch.token()).collect();
    tokens.dedup();
    let of_token = |token: u32| {
        let filters = collection.filters.iter().filter(move |f| f.arch.token() == token);
        filters.flat_map(|f| f.calls.iter().map(move |(number, rules)| (&**f, *number, rules)))
    };
    let mut all = Vec::new();
    for token in tokens {
        let mut calls: Vec<_> = of_token(token).filter(|call| call.1 >= 0).collect();
        if collection.attributes.optimize == 2 {
            if calls.len() > MANY {
                continue;
            }
        } else {
            if calls.len() > FEW {
                calls.retain(|call| is_asked(collection, call.0, call.1));
            }
            calls.sort_by_cached_key(|(filter, number, rules)| {
                let trees = trees(rules, filter.arch, collection.attributes.default);
                (Reverse(priority(collection, filter.arch, *number, Some(&trees))), *number)
            });
            calls.truncate(MOST);
        }
        all.extend(calls.into_iter().map(|call| (token, call.1.cast_unsigned())));
    }
    all
}

/// Whether a program has given a call a priority.
fn is_asked(collection: &Collection, filter: &ArchRules, number: i32) -> bool {
    collection.priorities.get(&(filter.arch, number)).is_some_and(|p| p.value > 0)
}
