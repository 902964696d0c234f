//! `tables/twin.rs`: calls that stand in for one another. `data/twins.txt` says at its head what its
//! lines are; `data/multiplex.txt` adds the routes through `socketcall` and `ipc`.

use super::argument::Arguments;
use super::calls::Calls;
use super::cell;
use crate::data::{self, Row};
use crate::files::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const FROM: &str = "data/twins.txt";

struct Family {
    kinship: &'static str,
    reason: String,
    /// Call index to note.
    members: BTreeMap<u16, String>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    reaches: u16,
    carrier: u16,
    value: u16,
    selector: String,
    since: Option<(u8, u8)>,
}

struct Blind {
    call: u16,
    argument: String,
    hides: String,
    /// Names of `Arch` variants.
    arches: Vec<String>,
}

/// Reads the families, routes and blind spots.
pub(crate) fn generate(calls: &Calls) -> Result<String> {
    let arguments = Arguments::read(calls)?;
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut routes = multiplexed(calls)?;
    let mut blind: BTreeMap<(u16, String), Blind> = BTreeMap::new();
    let mut current: Option<String> = None;
    for row in data::rows(FROM)? {
        let (head, tail) = row.text.split_once(' ').unwrap_or((&row.text, ""));
        match head {
            "family" => {
                let (name, family) = family(&row, tail)?;
                if families.insert(name.clone(), family).is_some() {
                    return Err(row.error(format_args!("{name} is there twice")));
                }
                current = Some(name);
            }
            "via" => {
                current = None;
                for route in route(calls, &row, tail)? {
                    if !routes.insert(route) {
                        return Err(row.error("a route is there twice"));
                    }
                }
            }
            "blind" => {
                current = None;
                let spot = blind_spot(calls, &arguments, &row, tail)?;
                if blind.insert((spot.call, spot.argument.clone()), spot).is_some() {
                    return Err(row.error("this argument is there twice"));
                }
            }
            _ => {
                let family = current.as_ref().and_then(|name| families.get_mut(name));
                let family = family.ok_or_else(|| row.error("expected family, via or blind"))?;
                let (name, note) = row.text.split_once(" — ").unwrap_or((&row.text, ""));
                let call = cell::call(calls, &row, name)?;
                if family.members.insert(call, note.to_owned()).is_some() {
                    return Err(row.error(format_args!("{name} is there twice")));
                }
            }
        }
    }
    Ok(write(&families, &routes, blind.values()))
}

fn family(row: &Row, text: &str) -> Result<(String, Family)> {
    let (head, reason) = text.split_once(" — ").ok_or_else(|| row.error("expected NAME KIND — REASON"))?;
    let (name, kinship) = match head.split_once(' ') {
        Some((name, "same")) => (name, "Same"),
        Some((name, "effect")) => (name, "Effect"),
        _ => return Err(row.error("expected NAME, then same or effect")),
    };
    Ok((name.to_owned(), Family { kinship, reason: reason.to_owned(), members: BTreeMap::new() }))
}

fn route(calls: &Calls, row: &Row, text: &str) -> Result<Vec<Route>> {
    let (text, since) = match text.split_once(" since ") {
        Some((text, since)) => (text, Some(cell::kernel(row, since)?)),
        None => (text, None),
    };
    let cells: Vec<&str> = text.split_whitespace().collect();
    let [carrier, selector, value, reached @ ..] = &cells[..] else {
        return Err(row.error("expected via CARRIER SELECTOR VALUE CALL… [since KERNEL]"));
    };
    if reached.is_empty() {
        return Err(row.error("reaches no call"));
    }
    let carrier = cell::call(calls, row, carrier)?;
    let value = u16::try_from(row.number(value)?).map_err(|_| row.error("out of range"))?;
    let one = |call: &&str| {
        let reaches = cell::call(calls, row, call)?;
        Ok(Route { reaches, carrier, value, selector: (*selector).to_owned(), since })
    };
    reached.iter().map(one).collect()
}

/// The routes through `socketcall` and `ipc`, whose selectors are called after the calls.
fn multiplexed(calls: &Calls) -> Result<BTreeSet<Route>> {
    let mut routes = BTreeSet::new();
    for row in data::rows("data/multiplex.txt")? {
        let [multiplexer, value, call] = row.cells()[..] else {
            return Err(row.error("expected MULTIPLEXER SUB-NUMBER CALL"));
        };
        let prefix = match multiplexer {
            "socketcall" => "SYS_",
            "ipc" => "",
            _ => return Err(row.error(format_args!("'{multiplexer}' is no multiplexer"))),
        };
        let selector = format!("{prefix}{}", call.to_uppercase());
        let value = u16::try_from(row.number(value)?).map_err(|_| row.error("out of range"))?;
        let (carrier, reaches) = (cell::call(calls, &row, multiplexer)?, cell::call(calls, &row, call)?);
        if !routes.insert(Route { reaches, carrier, value, selector, since: None }) {
            return Err(row.error("this sub-call is there twice"));
        }
    }
    Ok(routes)
}

fn blind_spot(calls: &Calls, arguments: &Arguments<'_>, row: &Row, text: &str) -> Result<Blind> {
    let expected = || row.error("expected blind CALL ARGUMENT [on ARCH,…] — WHAT");
    let (head, hides) = text.split_once(" — ").ok_or_else(expected)?;
    let cells: Vec<&str> = head.split_whitespace().collect();
    let (call, argument, arches) = match cells[..] {
        [call, argument] => (call, argument, None),
        [call, argument, "on", arches] => (call, argument, Some(arches)),
        _ => return Err(expected()),
    };
    let names: Vec<&str> = arches.map(|a| a.split(',').collect()).unwrap_or_default();
    arguments.check(row, call, argument, &names)?;
    let arches = arches.map_or(Ok(Vec::new()), |a| cell::arches(row, a))?;
    let call = cell::call(calls, row, call)?;
    Ok(Blind { call, argument: argument.to_owned(), hides: hides.to_owned(), arches })
}

fn write<'a>(
    families: &BTreeMap<String, Family>,
    routes: &BTreeSet<Route>,
    blind: impl Iterator<Item = &'a Blind>,
) -> String {
    let mut out = String::from(
        "use crate::arch::Arch;\nuse crate::syscall::Syscall;\n\
         use crate::twin::{BlindSpot, Family, Kinship, Route};\n\n\
         /// By name; members by call, each with its note or an empty one.\n\
         pub(crate) static FAMILIES: &[Family] = &[\n",
    );
    for (name, family) in families {
        let Family { kinship, reason, members } = family;
        let _ = write!(
            out,
            "Family {{ name: {name:?}, kinship: Kinship::{kinship}, reason: {reason:?}, members: &["
        );
        for (call, note) in members {
            let _ = writeln!(out, "(Syscall::from_index({call}), {note:?}),");
        }
        out.push_str("] },\n");
    }
    out.push_str(
        "];\n\n/// By the call reached, then carrier and value.\npub(crate) static ROUTES: &[Route] = &[\n",
    );
    for Route { reaches, carrier, value, selector, since } in routes {
        let _ = writeln!(
            out,
            "Route {{ carrier: Syscall::from_index({carrier}), selector: {selector:?}, value: {value}, \
             reaches: Syscall::from_index({reaches}), since: {since:?} }},"
        );
    }
    out.push_str("];\n\n/// By call, then argument.\npub(crate) static BLIND_SPOTS: &[BlindSpot] = &[\n");
    for Blind { call, argument, hides, arches } in blind {
        let arches: Vec<String> = arches.iter().map(|a| format!("Arch::{a}")).collect();
        let _ = writeln!(
            out,
            "BlindSpot {{ call: Syscall::from_index({call}), argument: {argument:?}, hides: {hides:?}, \
             arches: &[{}] }},",
            arches.join(", ")
        );
    }
    out.push_str("];\n");
    out
}
