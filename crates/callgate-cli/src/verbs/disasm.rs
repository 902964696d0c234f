//! `disasm`: a program's instructions, with names, or its flow as a drawing.

use super::compile::write_code;
use crate::args::Disasm;
use crate::failure::Outcome;
use crate::input::Input;
use crate::report::listing::listing;
use crate::say::Say;
use callgate::abi::Endian;
use callgate::program::{Code, disasm, graph::graph};
use serde_json::{Value, json};

pub(crate) fn disasm(args: &Disasm, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let compiled;
    let codes = match input.codes() {
        [] => {
            compiled = [Code::from(&input.program()?)];
            &compiled[..]
        }
        codes => codes,
    };
    let arch = args.reading.arches.arch.first().copied();
    let options = disasm::Options { arch, bytes: args.bytes };
    if args.dot || args.svg || args.to.is_some() {
        let [code] = codes else {
            return Err(input
                .failure(format!("{} filters are no one program; `merge` makes one of them", codes.len())));
        };
        if let Some(form) = args.to {
            write_code(code, form, arch, &args.output)?;
            return Ok(0);
        }
        let graph = graph(code, &options);
        args.output.text(&if args.dot { graph.to_dot() } else { graph.to_svg() })?;
        return Ok(0);
    }
    if args.json {
        let programs: Vec<Value> = codes.iter().map(|code| json_of(code, &options)).collect();
        let result = json!({ "schema": "callgate/disasm/1", "input": input.name, "programs": programs });
        args.output.text(&format!("{result:#}\n"))?;
        return Ok(0);
    }
    let color = args.output.output.is_none() && say.color_results();
    let mut text = String::new();
    for (i, code) in codes.iter().enumerate() {
        if codes.len() > 1 {
            let order = if i == 0 { ", loaded first" } else { "" };
            let gap = if i == 0 { "" } else { "\n" };
            text.push_str(&format!("{gap}# filter {} of {}{order}\n", i + 1, codes.len()));
        }
        text.push_str(&listing(code, arch, args.bytes, color));
    }
    args.output.text(&text)?;
    Ok(0)
}

/// The instructions of one program, each with its fields and its text.
fn json_of(code: &Code, options: &disasm::Options) -> Value {
    let listing = disasm::disasm(code, options);
    let texts: Vec<(String, Vec<&str>)> = listing
        .instructions()
        .map(|line| (line.text(), line.remarks.iter().map(|r| r.text.as_str()).collect()))
        .collect();
    let instructions: Vec<Value> = code
        .insns
        .iter()
        .zip(&texts)
        .enumerate()
        .map(|(at, (insn, (text, remarks)))| {
            json!({
                "at": at,
                "code": insn.code,
                "jt": insn.jt,
                "jf": insn.jf,
                "k": insn.k,
                "text": text,
                "remarks": remarks,
            })
        })
        .collect();
    json!({
        "endian": if code.endian == Endian::Little { "little" } else { "big" },
        "refused": code.clone().check().err().map(|e| e.to_string()),
        "instructions": instructions,
    })
}
