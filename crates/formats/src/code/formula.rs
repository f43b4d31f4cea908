//! The operations of a function of one number in each language.

use layerloop::names::NamedEnum as _;
use layerloop::network::Activation;
use layerloop_kernels::formula::{Formula, Operation};

use super::Language;

/// The name of an activation's function.
pub(super) fn name_of(activation: Activation) -> String {
    let word = |text: &str| text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect::<String>();
    let numbers: String = activation.numbers().iter().map(|(_, value)| format!("_{}", word(value))).collect();
    format!("activate_{}{numbers}", word(activation.name()))
}

/// A number of f32 as a literal.
pub(super) fn literal(language: Language, x: f32) -> String {
    let text = format!("{x:?}");
    match language {
        Language::C => format!("{text}f"),
        Language::Rust => text,
        // All numbers are f64 there.
        Language::JavaScript => format!("{:?}", f64::from(x)),
    }
}

/// A number of an array, which is rounded to f32 when it is read.
pub(super) fn element(language: Language, x: f32) -> String {
    let text = format!("{x:?}");
    let is_same = text.parse::<f64>().is_ok_and(|read| read as f32 == x);
    if language == Language::JavaScript && is_same { text } else { literal(language, x) }
}

/// The helpers that it calls.
pub(super) fn needs(formula: &Formula, language: Language) -> Vec<&'static str> {
    let need = |operation: &Operation| match operation {
        Operation::MulAdd(..) => Some("fma"),
        Operation::Max(..) => Some("greater"),
        Operation::Min(..) => Some("less"),
        Operation::Scale(..) => Some("scale_by_power"),
        Operation::Mantissa(_) => Some("mantissa"),
        Operation::Exponent(_) => Some("exponent"),
        Operation::Round(_) if language != Language::C => Some("round"),
        Operation::Copysign(..) if language != Language::C => Some("copysign"),
        Operation::Abs(_) if language == Language::Rust => Some("absolute"),
        Operation::Sqrt(_) if language == Language::Rust => Some("square_root"),
        _ => None,
    };
    formula.operations.iter().filter_map(need).collect()
}

/// The function's text.
pub(super) fn text(name: &str, formula: &Formula, language: Language) -> String {
    let mut lines = match language {
        Language::C => format!("static float {name}(const float v0) {{\n"),
        Language::Rust => format!("fn {name}(v0: f32) -> f32 {{\n"),
        Language::JavaScript => format!("function {name}(v0) {{\n"),
    };
    let constant = |at: &usize| match formula.operations[*at] {
        Operation::Constant(c) => literal(language, c),
        _ => format!("v{at}"),
    };
    for (i, operation) in formula.operations.iter().enumerate() {
        if matches!(operation, Operation::Argument | Operation::Constant(_)) {
            continue;
        }
        let value = expression(operation, language, constant);
        lines += &match language {
            Language::C => format!("    const float v{i} = {value};\n"),
            Language::Rust => format!("    let v{i} = {value};\n"),
            Language::JavaScript => format!("    const v{i} = {value};\n"),
        };
    }
    let last = constant(&(formula.operations.len() - 1));
    lines +=
        &if language == Language::Rust { format!("    {last}\n}}\n") } else { format!("    return {last};\n}}\n") };
    lines
}

fn expression(operation: &Operation, language: Language, v: impl Fn(&usize) -> String) -> String {
    let is_js = language == Language::JavaScript;
    let infix = |a: &usize, op: &str, b: &usize| {
        let text = format!("{} {op} {}", v(a), v(b));
        if is_js { format!("f({text})") } else { text }
    };
    let call = |c: &str, rust: &str, js: &str, args: &[&usize]| {
        let args: Vec<String> = args.iter().map(|arg| v(arg)).collect();
        format!("{}({})", [c, rust, js][language as usize], args.join(", "))
    };
    match operation {
        Operation::Argument | Operation::Constant(_) => String::new(),
        Operation::Add(a, b) => infix(a, "+", b),
        Operation::Sub(a, b) => infix(a, "-", b),
        Operation::Mul(a, b) => infix(a, "*", b),
        Operation::Div(a, b) => infix(a, "/", b),
        Operation::Sqrt(a) => match language {
            Language::C => format!("sqrtf({})", v(a)),
            Language::Rust => format!("square_root(f64::from({})) as f32", v(a)),
            Language::JavaScript => format!("f(Math.sqrt({}))", v(a)),
        },
        Operation::MulAdd(a, b, c) => call("FMA", "fma", "fma", &[a, b, c]),
        Operation::Max(a, b) => call("greater", "greater", "greater", &[a, b]),
        Operation::Min(a, b) => call("less", "less", "less", &[a, b]),
        Operation::SelectGreater([x, y], [a, b]) => match language {
            Language::Rust => format!("if {} > {} {{ {} }} else {{ {} }}", v(x), v(y), v(a), v(b)),
            _ => format!("{} > {} ? {} : {}", v(x), v(y), v(a), v(b)),
        },
        Operation::Abs(a) => call("fabsf", "absolute", "Math.abs", &[a]),
        Operation::Copysign(a, sign) => call("copysignf", "copysign", "copysign", &[a, sign]),
        Operation::Round(a) => call("rintf", "round", "round", &[a]),
        Operation::Scale(a, n) => call("scale_by_power", "scale_by_power", "scale_by_power", &[a, n]),
        Operation::Mantissa(a) => call("mantissa", "mantissa", "mantissa", &[a]),
        Operation::Exponent(a) => call("exponent", "exponent", "exponent", &[a]),
    }
}
