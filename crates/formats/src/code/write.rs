//! A plan as the text of a file.

use std::collections::BTreeSet;

use super::Language;
use super::formula::{element, literal, needs, text};
use super::plan::{Arg, Call, Decode, Numbers, Plan};

/// The functions of each language: sections, each with the names of those that it needs.
const HELPERS: [&str; 3] = [include_str!("helpers.c"), include_str!("helpers.rs.txt"), include_str!("helpers.js.txt")];

/// A helper: its name, what it needs, its text.
type Helper = (String, Vec<&'static str>, String);

fn helpers(language: Language) -> Vec<Helper> {
    let sections = HELPERS[language as usize].split("section: ").skip(1);
    let helper = |section: &'static str| {
        let (head, body) = section.split_once('\n').unwrap_or((section, ""));
        let (name, needs) = head.split_once(" needs ").unwrap_or((head, ""));
        (name.to_string(), needs.split_whitespace().collect(), body.to_string())
    };
    sections.map(helper).collect()
}

/// The whole file.
pub(super) fn file(plan: &Plan, language: Language) -> String {
    let body = predict(plan, language);
    let functions = functions(plan, language);
    let numbers: String = plan.numbers.iter().enumerate().map(|(i, numbers)| array(language, i, numbers)).collect();
    let code = format!("{numbers}\n{functions}\n{body}");
    format!("{}{code}", comment(plan, language, &code))
}

/// Helpers that are called, and the functions of single numbers: each after those that it needs.
fn functions(plan: &Plan, language: Language) -> String {
    let mut all: Vec<Helper> = Vec::new();
    let helpers = helpers(language);
    for (name, formula) in &plan.formulas {
        all.push((name.clone(), needs(formula, language), text(name, formula, language)));
    }
    let mut wanted: BTreeSet<&str> = plan.formulas.iter().map(|(name, _)| name.as_str()).collect();
    for call in plan.parts.iter().flatten() {
        if let Call::Function(name, args) = call {
            wanted.insert(name);
            wanted.extend(args.iter().any(|arg| matches!(arg, Arg::PartOf(..))).then_some("part_of_date"));
        }
    }
    if plan.has_logarithm() {
        wanted.insert("expm1"); // which C and JavaScript have
    }
    all.extend(helpers);
    let (mut written, mut text) = (BTreeSet::new(), String::new());
    for name in wanted {
        write(name, &all, &mut written, &mut text);
    }
    text
}

/// A helper behind those that it needs, if it is not there yet.
fn write(name: &str, all: &[Helper], written: &mut BTreeSet<String>, text: &mut String) {
    // What the helpers call `exp` is a function of single numbers.
    let name = if name == "exp" { "function_exp" } else { name };
    if !written.insert(name.to_string()) {
        return;
    }
    if let Some((_, needs, body)) = all.iter().find(|(other, ..)| other == name) {
        needs.iter().for_each(|need| write(need, all, written, text));
        *text += body;
    }
}

fn array(language: Language, i: usize, numbers: &Numbers) -> String {
    let (kind, items): (usize, Vec<String>) = match numbers {
        Numbers::Floats(values) => (0, values.iter().map(|&x| element(language, x)).collect()),
        Numbers::Doubles(values) => (1, values.iter().map(|x| format!("{x:?}")).collect()),
        Numbers::Bytes(values) => (2, values.iter().map(i8::to_string).collect()),
    };
    let count = items.len();
    let mut lines = String::new();
    let mut line = String::from("   ");
    for item in items {
        if line.len() + item.len() > 116 {
            lines += &line;
            lines.push('\n');
            line = "   ".into();
        }
        line += &format!(" {item},");
    }
    lines += &line;
    match language {
        Language::C => {
            let kind = ["float", "double", "signed char"][kind];
            format!("static const {kind} n{i}[{count}] = {{\n{lines}\n}};\n")
        }
        Language::Rust => {
            let kind = ["f32", "f64", "i8"][kind];
            format!("static N{i}: [{kind}; {count}] = [\n{lines}\n];\n")
        }
        Language::JavaScript => {
            let kind = ["Float32Array", "Float64Array", "Int8Array"][kind];
            format!("const n{i} = new {kind}([\n{lines}\n]);\n")
        }
    }
}

fn argument(language: Language, arg: &Arg) -> String {
    let is_rust = language == Language::Rust;
    let behind = |name: String, at: &str| match (language, at) {
        (Language::C, "0") => name,
        (Language::C, at) => format!("{name} + {at}"),
        (Language::Rust, at) => format!("{name}[{at}..]").replace("[0..]", "[..]"),
        (Language::JavaScript, "0") => name,
        (Language::JavaScript, at) => format!("{name}.subarray({at})"),
    };
    match arg {
        Arg::Input => "input".into(),
        Arg::InputAt(at) => format!("input[{at}]"),
        Arg::PartOf(at, part, earliest) => format!("part_of_date(input[{at}], {}, {earliest:?})", *part as usize),
        Arg::Read(value) if is_rust => format!("&v{value}"),
        Arg::Read(value) => format!("v{value}"),
        Arg::Write(value, at) if is_rust => format!("&mut {}", behind(format!("v{value}"), &at.to_string())),
        Arg::Write(value, at) => behind(format!("v{value}"), &at.to_string()),
        Arg::Numbers(i) if is_rust => format!("&N{i}"),
        Arg::Numbers(i) => format!("n{i}"),
        Arg::OfMember(i, size, first) => {
            let at = if *first == 0 { format!("m * {size}") } else { format!("{first} + m * {size}") };
            if is_rust { format!("&{}", behind(format!("N{i}"), &at)) } else { behind(format!("n{i}"), &at) }
        }
        Arg::None => ["0", "&[]", "null"][language as usize].into(),
        Arg::Whole(n) => n.to_string(),
        Arg::Float(x) => literal(language, *x),
        Arg::Double(x) => format!("{x:?}"),
    }
}

fn statement(plan: &Plan, language: Language, call: &Call) -> String {
    match call {
        Call::Function(name, args) => {
            let args: Vec<String> = args.iter().map(|arg| argument(language, arg)).collect();
            format!("{name}({});", args.join(", "))
        }
        Call::Apply { formula, value, width } => {
            let name = &plan.formulas[*formula].0;
            match language {
                Language::C => format!("for (i = 0; i < {width}; i++) v{value}[i] = {name}(v{value}[i]);"),
                Language::Rust => format!("for v in &mut v{value}[..{width}] {{ *v = {name}(*v); }}"),
                Language::JavaScript => format!("for (let i = 0; i < {width}; i++) v{value}[i] = {name}(v{value}[i]);"),
            }
        }
        Call::Output { from: [value, at], to, decode } => {
            let read = format!("v{value}[{at}]");
            let value = decode.map_or_else(|| read.clone(), |decode| decoded(language, &read, decode));
            format!("output[{to}] = {value};")
        }
    }
}

/// The number to predict, of what the network gives.
fn decoded(language: Language, read: &str, by: Decode) -> String {
    let read = if language == Language::Rust { format!("f64::from({read})") } else { read.into() };
    let cast = if language == Language::C { "(double)" } else { "" };
    let mut y = format!("{cast}{read} * {:?} + {:?}", by.scale, by.centre);
    if by.log {
        y = [format!("expm1({y})"), format!("expm1({y})"), format!("Math.expm1({y})")][language as usize].clone();
    }
    if let Some([least, most]) = by.range {
        y = match language {
            Language::C => format!("fmin(fmax({y}, {least:?}), {most:?})"),
            Language::Rust => format!("({y}).clamp({least:?}, {most:?})"),
            Language::JavaScript => format!("Math.min(Math.max({y}, {least:?}), {most:?})"),
        };
    }
    y
}

fn predict(plan: &Plan, language: Language) -> String {
    let indent = |calls: &[Call], by: &str| -> String {
        calls.iter().map(|call| format!("{by}{}\n", statement(plan, language, call))).collect()
    };
    let [before, each, after] = &plan.parts;
    let (before, after) = (indent(before, "    "), indent(after, "    "));
    let each = if each.is_empty() {
        String::new()
    } else if plan.members == 1 {
        indent(each, "    ")
    } else {
        let head = match language {
            Language::C => format!("for (m = 0; m < {}; m++)", plan.members),
            Language::Rust => format!("for m in 0..{}", plan.members),
            Language::JavaScript => format!("for (let m = 0; m < {}; m++)", plan.members),
        };
        format!("    {head} {{\n{}    }}\n", indent(each, "        "))
    };
    let body = format!("{before}{each}{after}");
    let values = plan.values.iter().enumerate();
    match language {
        Language::C => {
            let values: String = values.map(|(i, width)| format!("    float v{i}[{width}];\n")).collect();
            let [input, output] = plan.double.map(|double| if double { "double" } else { "float" });
            let counter = |name: &str, used: bool| if used { format!("    int {name};\n") } else { String::new() };
            let counters = counter("i", body.contains("(i = 0")) + &counter("m", body.contains("(m = 0"));
            format!("void predict(const {input} *input, {output} *output) {{\n{values}{counters}{body}}}\n")
        }
        Language::Rust => {
            let values: String = values.map(|(i, width)| format!("    let mut v{i} = [0.0_f32; {width}];\n")).collect();
            let [input, output] = plan.double.map(|double| if double { "f64" } else { "f32" });
            let (inputs, outputs) = (plan.inputs, plan.outputs);
            format!(
                "/// Replaces `output` by what the network gives for `input`.\n\
                 pub fn predict(input: &[{input}; {inputs}], output: &mut [{output}; {outputs}]) {{\n{values}{body}}}\n"
            )
        }
        Language::JavaScript => {
            let values: String =
                values.map(|(i, width)| format!("const v{i} = new Float32Array({width});\n")).collect();
            format!("{values}export function predict(input, output) {{\n{body}}}\n")
        }
    }
}

/// The first comment: what the file is, what goes in and out, what it needs.
fn comment(plan: &Plan, language: Language, code: &str) -> String {
    let mut lines = vec![format!("Written by layerloop {}.", env!("CARGO_PKG_VERSION")), String::new()];
    // A name of a class or column ends no comment.
    lines.extend(plan.about.iter().map(|line| line.replace("*/", "* /").replace(['\n', '\r'], " ")));
    let stack = 4 * plan.values.iter().sum::<usize>() + 64;
    match language {
        Language::C => {
            const LIBM: [&str; 9] = ["copysignf", "expm1", "fabsf", "floor", "fmaf", "fmax", "rintf", "sqrt", "sqrtf"];
            let used: Vec<&str> = LIBM.into_iter().filter(|name| code.contains(&format!("{name}("))).collect();
            let used = if code.contains("fmin(") { [used, vec!["fmin"]].concat() } else { used };
            let used = if used.is_empty() { "nothing".into() } else { used.join(", ") };
            lines.push(format!("libm: {used}; fmaf only where the target has an instruction for it"));
            lines.push(format!("stack: {stack} bytes for arrays, and what the compiler adds; no malloc"));
            let pragma = "#if defined(__clang__)\n#pragma STDC FP_CONTRACT OFF\n#endif\n";
            let declaration = code.lines().find(|line| line.starts_with("void predict")).unwrap_or_default();
            let declaration = declaration.trim_end_matches(" {");
            format!(
                "/* {}\n */\n#include <math.h>\n#include <stdint.h>\n\n{pragma}\n{declaration};\n\n",
                lines.join("\n * ").replace(" * \n", " *\n")
            )
        }
        Language::Rust => {
            lines.push(format!("needs: core; {stack} bytes of stack for arrays"));
            let text: String = lines.iter().map(|line| format!("// {line}").trim_end().to_string() + "\n").collect();
            format!("{text}\n")
        }
        Language::JavaScript => {
            lines.push(
                "input: an array or a Float64Array; output: an array, of which the first elements are replaced".into(),
            );
            let text: String = lines.iter().map(|line| format!("// {line}").trim_end().to_string() + "\n").collect();
            format!("{text}\nconst f = Math.fround;\n\n")
        }
    }
}
