//! A network as an SVG picture: a box for each operation, arrows for the values, from the inputs down to the outputs.

use std::fmt::Write as _;

use layerloop::model_file::Model;
use layerloop::names::text;
use layerloop::network::Activation;
use layerloop::network::view::{Operation, Step, View};

const WIDTH: usize = 190;
const HEIGHT: usize = 46;
const GAP: [usize; 2] = [24, 34];

/// A box of the picture.
struct Block {
    title: String,
    about: String,
    reads: Vec<usize>,
    /// Its row, below all that it reads; its column among those of the row.
    place: [usize; 2],
}

/// The picture.
///
/// # Example
/// ```
/// use layerloop::data::Dataset;
/// use layerloop::model_file::Model;
/// use layerloop::network::Network;
/// let data = Dataset::new("demo", vec![0.0, 1.0].into(), 1, vec![0, 1], ["no", "yes"])?;
/// let model = Model::new(Network::new(&"1 -> 3 tanh -> skip(3 relu) -> 2".parse()?, 7)?, &data, serde_json::Value::Null);
/// let svg = layerloop_formats::drawing::svg(&model);
/// assert!(svg.starts_with("<svg ") && svg.contains("dense 1 → 3, tanh") && svg.contains(">add<"));
/// # Ok::<(), layerloop::Error>(())
/// ```
#[must_use]
pub fn svg(model: &Model) -> String {
    let view = View::of(&model.network);
    let blocks = blocks(&view, model);
    let columns = blocks.iter().map(|block| block.place[1] + 1).max().unwrap_or(1);
    let rows = blocks.iter().map(|block| block.place[0] + 1).max().unwrap_or(1);
    let (width, height) = (columns * (WIDTH + GAP[0]) + 3 * GAP[0], rows * (HEIGHT + GAP[1]) + GAP[1]);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n<title>{}</title>\n\
         <defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">\
         <path d=\"M0 0 L8 4 L0 8 z\" fill=\"#555\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        escaped(&model.network.spec().to_string())
    );
    // Writing to a String cannot fail.
    let corner = |block: &Block| {
        let own = blocks.iter().filter(|other| other.place[0] == block.place[0]).count();
        let left = (width - 2 * GAP[0] - own * (WIDTH + GAP[0]) + GAP[0]) / 2;
        [left + block.place[1] * (WIDTH + GAP[0]), GAP[1] + block.place[0] * (HEIGHT + GAP[1])]
    };
    for block in &blocks {
        let [x, y] = corner(block);
        for &read in &block.reads {
            let ([from, above], rows) = (corner(&blocks[read]), blocks[read].place[0]..=block.place[0]);
            let path = if block.place[0] - blocks[read].place[0] == 1 {
                format!("M{} {} L{} {y}", from + WIDTH / 2, above + HEIGHT, x + WIDTH / 2)
            } else {
                // Around the boxes between.
                let between = blocks.iter().filter(|block| rows.contains(&block.place[0]));
                let out = between.map(|block| corner(block)[0] + WIDTH).max().unwrap_or(0) + 2 * GAP[0];
                let (start, end) = (above + HEIGHT / 2, y + HEIGHT / 2);
                format!("M{} {start} C{out} {start} {out} {end} {} {end}", from + WIDTH, x + WIDTH)
            };
            let _ = writeln!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"#555\" marker-end=\"url(#end)\"/>");
        }
    }
    for block in &blocks {
        let [x, y] = corner(block);
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\" fill=\"#eef3fa\" stroke=\"#4a6fa5\"/>\n\
             <text x=\"{0}\" y=\"{1}\" text-anchor=\"middle\">{2}</text>\n\
             <text x=\"{0}\" y=\"{3}\" text-anchor=\"middle\" fill=\"#666\" font-size=\"11\">{4}</text>",
            x + WIDTH / 2,
            y + 19,
            escaped(&short(&block.title)),
            y + 36,
            escaped(&short(&block.about)),
        );
    }
    out + "</svg>\n"
}

fn blocks(view: &View, model: &Model) -> Vec<Block> {
    let inputs = if view.inputs() == 1 { "1 number".into() } else { format!("{} numbers", view.inputs()) };
    let mut all = vec![Block { title: "input".into(), about: inputs, reads: vec![], place: [0; 2] }];
    for (i, step) in view.steps.iter().enumerate() {
        let title = title(step, [view.widths[step.reads[0]], view.widths[i + 1]]);
        let about = format!("{} values", view.widths[i + 1]);
        push(&mut all, title, about, step.reads.clone());
    }
    let last = all.len() - 1;
    let outputs = view.outputs();
    let about = if model.classes.len() <= 4 { model.classes.join(", ") } else { format!("{outputs} outputs") };
    push(&mut all, text(view.output), about, vec![last]);
    all
}

fn push(all: &mut Vec<Block>, title: String, about: String, reads: Vec<usize>) {
    let row = reads.iter().map(|&read| all[read].place[0] + 1).max().unwrap_or(0);
    let column = all.iter().filter(|block| block.place[0] == row).count();
    all.push(Block { title, about, reads, place: [row, column] });
}

fn title(step: &Step, [from, to]: [usize; 2]) -> String {
    match &step.operation {
        Operation::Dense { activation: Activation::Identity, .. } => format!("dense {from} → {to}"),
        Operation::Dense { activation, .. } => format!("dense {from} → {to}, {}", text(*activation)),
        Operation::Activation(activation) => text(*activation),
        Operation::Join(join) => text(*join),
        Operation::Scale { bias: None, .. } => "gain".into(),
        Operation::Scale { .. } => "scale".into(),
        Operation::Prelu { .. } => "prelu".into(),
        Operation::Leak { slope } => format!("rrelu, slope {slope}"),
        Operation::Waves { count, .. } => format!("{count} waves of each"),
        Operation::Piecewise { width, edges, .. } => format!("{width} functions with {} bins", edges.len() - 1),
        Operation::LayerNorm { .. } => "layer norm".into(),
        Operation::BatchNorm { .. } => "batch norm".into(),
        Operation::Maxout { pieces } => format!("maxout of {pieces}"),
        Operation::Outer => "products of all pairs".into(),
        Operation::Columns { first } => format!("columns {} to {}", first + 1, first + to),
        Operation::Grouped { groups, inputs, outputs, .. } => format!("{groups} times dense {inputs} → {outputs}"),
        Operation::MemberDense { inputs, outputs, .. } => format!("dense {inputs} → {outputs}, each member"),
        Operation::MemberScale { .. } => "scale, each member".into(),
        Operation::Parametric { activation, .. } => format!("parametric {}", text(*activation)),
        Operation::Embedding { count, width, .. } => format!("embedding {count} x {width}"),
        Operation::Custom { name } => name.clone(),
    }
}

/// As much as fits into a box.
fn short(text: &str) -> String {
    if text.chars().count() <= 27 { text.into() } else { text.chars().take(26).chain(['…']).collect() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
