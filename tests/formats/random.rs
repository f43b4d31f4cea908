//! Random networks of every layer as ONNX files, each with rows and the outputs of `predict` for them: `random FOLDER COUNT [FIRST]`.
//! Each file comes back as the network that it was, to the bit; `tests/formats/run` compares them with onnxruntime.

#![expect(clippy::print_stdout, reason = "what was done is all that it says")]

use std::error::Error;
use std::fs;
use std::path::Path;

use layerloop::names::NamedEnum as _;
use layerloop_formats::onnx::{self, Export};
use serde_json::json;

mod cases;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let (folder, count) = (Path::new(&args[1]), args[2].parse::<usize>()?);
    let first = args.get(3).map_or(Ok(0), |first| first.parse::<u64>())?;
    fs::create_dir_all(folder)?;
    for (at, cases::Case { model, rows, outputs }) in cases::cases(count, first).enumerate() {
        let file = folder.join(format!("{at}.onnx"));
        let spec = model.network.spec();
        let opset = [18, 20, 22][at % 3];
        fs::write(&file, onnx::export(&model, &Export { opset, ..Export::default() })?)?;
        assert!(onnx::import(&file)? == model, "{spec} came back as another one");
        let record = json!({
            "network": spec.to_string(), "rows": rows, "width": spec.inputs, "outputs": outputs, "classes": model.classes,
            "classifier": spec.output.is_classifier(), "output": spec.output.name(),
        });
        fs::write(file.with_extension("json"), record.to_string())?;
    }
    println!("{count} networks written to {} and read again with the same bits", folder.display());
    Ok(())
}
