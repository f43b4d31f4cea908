//! Parquet and Arrow files: the same network as from CSV, predictions as Parquet, what is refused.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use layerloop_table::{Cells, ParquetWriter, Type};

use super::tables::people;
use super::{Folder, Said};

/// A CSV file as Parquet, its columns of these types.
fn as_parquet(csv: &Path, to: &Path, types: &[Type]) {
    let cells = read(csv);
    let columns = cells.names.iter().cloned().zip(types.iter().copied()).collect();
    let mut writer = ParquetWriter::new(to, columns).expect("columns");
    let mut cells: Vec<_> = cells.columns.iter().map(|column| column.iter()).collect();
    loop {
        let row: Vec<&str> = cells.iter_mut().filter_map(Iterator::next).collect();
        if row.is_empty() {
            break;
        }
        writer.push(row).expect("a row");
    }
    fs::write(to, writer.finish().expect("a file")).expect("written");
}

fn read(path: &Path) -> Cells {
    let mut reader = layerloop_table::open(path, &Default::default()).expect("a table");
    reader.all_rows().expect("rows")
}

const PEOPLE: [Type; 6] = [Type::Text, Type::Integer, Type::Text, Type::Date, Type::Text, Type::Text];

fn with_people(rows: usize) -> Folder {
    let folder = Folder::new();
    fs::write(folder.path("people.csv"), people(rows)).expect("written");
    as_parquet(&folder.path("people.csv"), &folder.path("people.parquet"), &PEOPLE);
    folder
}

fn train(folder: &Folder, data: &str, more: &[&str]) -> Said {
    let all = ["train", data, "--target", "income", "--epochs", "3", "--json", "--quiet"];
    folder.run(&[&all[..], more].concat()).well()
}

#[test]
fn the_network_of_a_parquet_file_is_that_of_the_csv_file() {
    let folder = with_people(500);
    let kinds = |file: &str| folder.run(&["inspect", file, "--target", "income", "--json"]).well().out;
    assert_eq!(kinds("people.parquet"), kinds("people.csv"));
    let [of_csv, of_parquet] = [("people.csv", "c.safetensors"), ("people.parquet", "p.safetensors")]
        .map(|(data, model)| train(&folder, data, &["--save", model]).last());
    assert_eq!(of_csv["weights_sha256"], of_parquet["weights_sha256"]);
    assert_eq!(of_csv["test"], of_parquet["test"]);
    // With a test part of its own, without a column, replayed, evaluated, predicted; each model on either file.
    let tested = |data: &str, test: &str| {
        train(&folder, data, &["--test", test, "--ignore", "since", "--no-save"]).last()["test"].clone()
    };
    assert_eq!(tested("people.csv", "people.csv"), tested("people.parquet", "people.parquet"));
    assert_eq!(folder.run(&["replay", "p.safetensors", "--json"]).well().last()["same"], true);
    let evaluated =
        |model: &str, data: &str| folder.run(&["eval", model, data, "--json"]).well().last()["test"].clone();
    assert_eq!(evaluated("c.safetensors", "people.parquet"), evaluated("p.safetensors", "people.csv"));
    let predicted = |model: &str, data: &str| folder.run(&["predict", model, data, "--json"]).well().out;
    assert_eq!(predicted("c.safetensors", "people.parquet"), predicted("p.safetensors", "people.csv"));
}

#[test]
fn the_built_in_penguins_give_the_same_network_as_a_parquet_file() {
    let folder = Folder::new();
    let csv = include_str!("../../crates/data/src/penguins.csv");
    fs::write(folder.path("penguins.csv"), csv).expect("written");
    let cells = read(&folder.path("penguins.csv"));
    let is_number = |i: usize| cells.columns[i].iter().all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok());
    let types: Vec<Type> =
        (0..cells.names.len()).map(|i| if is_number(i) { Type::Number } else { Type::Text }).collect();
    as_parquet(&folder.path("penguins.csv"), &folder.path("p.parquet"), &types);
    let hash = |data: &str| {
        let all = ["train", data, "--target", "species", "--epochs", "3", "--no-save", "--json", "--quiet"];
        folder.run(&all).well().last()["weights_sha256"].clone()
    };
    assert_eq!(hash("p.parquet"), hash("penguins"));
}

#[test]
fn predictions_are_written_as_parquet() {
    let folder = with_people(400);
    train(&folder, "people.csv", &["--save", "m.safetensors"]);
    let write = |input: &str, out: &str, more: &[&str]| {
        folder.run(&[&["predict", "m.safetensors", input, "--out", out], more].concat())
    };
    for (i, input) in ["people.csv", "people.parquet"].into_iter().enumerate() {
        for more in [&[][..], &["--with-input"]] {
            let [csv, parquet] = ["csv", "parquet"].map(|end| format!("{i}{}.{end}", more.len()));
            assert!(write(input, &csv, more).well().err.contains("400 rows in "));
            assert!(write(input, &parquet, more).well().err.contains("400 rows in "));
            let [csv, parquet] = [csv, parquet].map(|name| read(&folder.path(&name)));
            assert_eq!(csv.names, parquet.names);
            for (name, (one, other)) in csv.names.iter().zip(csv.columns.iter().zip(&parquet.columns)) {
                assert_eq!(one.iter().collect::<Vec<_>>(), other.iter().collect::<Vec<_>>(), "{name}");
            }
            let types: Vec<Type> = parquet.columns.iter().map(|column| column.values()).collect();
            assert_eq!(types[types.len() - 3..], [Type::Text, Type::Single, Type::Single]);
            if more.len() == 1 {
                let age = if i == 0 { Type::Number } else { Type::Integer };
                assert_eq!(types[1], age, "{input}");
            }
        }
    }
    assert!(write("people.csv", "00.parquet", &[]).refusal(1).contains("00.parquet: something is there already"));
    let said = write("people.csv", "x.arrow", &[]);
    assert!(said.refusal(2).contains("--out: predictions are written as CSV or Parquet, not as .arrow"), "{said:?}");
    // Nothing is left where a row cannot be predicted.
    fs::write(folder.path("bad.csv"), people(20).replace("P00007,24", "P00007,old")).expect("written");
    write("bad.csv", "bad.parquet", &[]).refusal(1);
    let there = fs::read_dir(folder.path(".")).expect("a folder").flatten().map(|entry| entry.file_name());
    assert!(
        !there
            .into_iter()
            .any(|name| name.to_string_lossy().contains("bad.parquet") || name.to_string_lossy().contains(".tmp"))
    );
}

/// A stream of Arrow comes from standard input, a file with its index at its end does not.
#[test]
fn standard_input_takes_streams() {
    let folder = with_people(20);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../table/fixtures");
    let inspect = |path: &Path| {
        let file = fs::File::open(path).expect("a file");
        let out = folder.command(&["inspect", "-", "--json"]).stdin(Stdio::from(file)).output();
        Said::new(out.expect("the binary starts"))
    };
    assert_eq!(inspect(&fixtures.join("stream.arrow")).well().out.lines().count(), 6);
    let said = inspect(&folder.path("people.parquet"));
    let expected = "-: this is a Parquet file, whose index is at its end: it cannot be read from standard input";
    assert!(said.refusal(1).contains(expected), "{said:?}");
}

#[test]
fn files_that_cannot_be_used_are_refused_in_one_sentence() {
    let folder = with_people(50);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../table/fixtures");
    fs::copy(fixtures.join("nested.parquet"), folder.path("nested.parquet")).expect("a copy");
    let whole = fs::read(folder.path("people.parquet")).expect("a file");
    fs::write(folder.path("cut.parquet"), &whole[..whole.len() - 9]).expect("written");
    let rows = ParquetWriter::new(Path::new("none"), vec![("a".into(), Type::Integer), ("b".into(), Type::Text)]);
    fs::write(folder.path("none.parquet"), rows.expect("columns").finish().expect("a file")).expect("written");
    for (args, piece) in [
        (
            &["inspect", "nested.parquet", "--target", "n"][..],
            "nested.parquet: column `tags` is a list; a table has numbers, names and dates: write its parts as columns, or leave it out (`train` does with --ignore tags)",
        ),
        (&["inspect", "cut.parquet"], "cut.parquet: this is a Parquet file that is cut off"),
        (&["train", "none.parquet", "--no-save"], "none.parquet: it has columns and no rows"),
        (
            &["train", "people.parquet", "--target", "incme", "--no-save"],
            "--target: no column `incme`; did you mean `income`?",
        ),
    ] {
        let said = folder.run(args);
        assert!(said.code != 0 && said.err.lines().count() == 1 && said.err.contains(piece), "{args:?}: {said:?}");
    }
    folder.run(&["inspect", "nested.parquet", "--target", "n", "--ignore", "tags,place"]).well();
}

/// Post codes were numbers, because all of them are digits.
#[test]
fn a_column_of_text_stays_one() {
    let folder = Folder::new();
    let rows: String = (0..90).map(|i| format!("{},{}\n", 10_000 + i % 30, i % 2)).collect();
    fs::write(folder.path("t.csv"), format!("zip,y\n{rows}")).expect("written");
    as_parquet(&folder.path("t.csv"), &folder.path("t.parquet"), &[Type::Text, Type::Integer]);
    let said = folder.run(&["inspect", "t.parquet", "--json"]).well();
    assert!(said.out.starts_with(r#"{"column":"zip","kind":"category""#), "{said:?}");
    assert!(said.err.contains("column `zip` is text in the file, and 90 of its 90 values are numbers; --column zip=number reads it as numbers"), "{said:?}");
    let said = folder.run(&["inspect", "t.parquet", "--json", "--column", "zip=number"]).well();
    assert!(said.out.starts_with(r#"{"column":"zip","kind":"number""#) && !said.err.contains("zip"), "{said:?}");
}
