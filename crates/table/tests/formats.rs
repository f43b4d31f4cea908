//! Parquet and Arrow files by other programs (tests/reference/table_files.py), whole, cut off and damaged.

use std::fs;
use std::path::{Path, PathBuf};

use layerloop::preprocess::Kind;
use layerloop_table::{ReadOptions, Type, detect, open};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

type Columns = Vec<(String, Type, Vec<String>)>;

/// Names, types and cells, read in chunks of `rows`.
fn read(path: &Path, rows: usize, ignored: &str) -> Result<Columns, String> {
    let mut columns = Columns::new();
    let mut all = || {
        let mut reader = open(path, &ReadOptions::default())?;
        reader.retain(|name| name != ignored);
        let mut seen = 0;
        while let Some(cells) = reader.next_rows(rows)? {
            assert_eq!(cells.first_row, seen + 1);
            seen += cells.rows();
            columns.resize(cells.names.len(), Default::default());
            for (column, (name, texts)) in columns.iter_mut().zip(cells.names.iter().zip(&cells.columns)) {
                (column.0, column.1) = (name.clone(), texts.values());
                column.2.extend(texts.iter().map(str::to_owned));
            }
        }
        if seen == 0 { Err(reader.no_rows()) } else { Ok(()) }
    };
    all().map_err(|error: layerloop::Error| error.to_string().replace(&format!("{}: ", path.display()), ""))?;
    Ok(columns)
}

fn column(name: &str, values: Type, cells: [&str; 4]) -> (String, Type, Vec<String>) {
    (name.into(), values, cells.map(String::from).into())
}

fn table() -> Columns {
    vec![
        column("whole", Type::Integer, ["1", "-2", "", "4"]),
        column("float", Type::Number, ["0.1", "", "", "-0.00000025"]),
        column("flag", Type::Boolean, ["true", "false", "", "true"]),
        column("job", Type::Text, ["cook", "pilot", "", "Zürich"]),
        column("day", Type::Date, ["2026-11-27", "1969-12-31", "", "2000-02-29"]),
        column("when", Type::Timestamp, ["2026-11-27 14:30:00.25", "1969-12-31 23:59:59", "", "2000-02-29 00:00:00"]),
    ]
}

#[test]
fn one_table_by_each_program() {
    for name in [
        "pyarrow_snappy.parquet",
        "polars_zstd.parquet",
        "spark.parquet",
        "feather_lz4.arrow",
        "polars.arrow",
        "stream.arrow",
    ] {
        for rows in [1, 2, 100] {
            assert_eq!(read(&fixtures().join(name), rows, "").as_ref(), Ok(&table()), "{name}, {rows} rows at once");
        }
        let part = read(&fixtures().join(name), 100, "flag").unwrap();
        assert!(part.len() == 5 && part[3] == table()[4], "{name}");
    }
    // pandas has no days without a time, and no missing whole numbers.
    let by_pandas = read(&fixtures().join("pandas.parquet"), 100, "day").unwrap();
    let cells =
        |columns: &[(String, Type, Vec<String>)]| columns.iter().map(|column| column.2.clone()).collect::<Vec<_>>();
    assert_eq!(cells(&by_pandas), cells(&[&table()[..4], &table()[5..]].concat()));
    let two = read(&fixtures().join("delta.parquet"), 100, "").unwrap();
    assert_eq!(two, [table()[0].clone(), table()[3].clone()]);
}

#[test]
fn each_type_is_a_type_of_cells() {
    let expected = vec![
        column("single", Type::Single, ["0.1", "1.5", "", "3"]),
        column("half", Type::Single, ["0.5", "1.5", "", "3"]),
        column("small", Type::Integer, ["200", "0", "", "1"]),
        column("large", Type::Number, ["18446744073709551615", "0", "", "1"]),
        column("price", Type::Number, ["12.50", "-0.05", "", "7.00"]),
        column("level", Type::Text, ["low", "high", "", "low"]),
        column("nothing", Type::Unknown, [""; 4]),
        column("clock", Type::Text, ["14:30:00", "00:00:01", "", "23:59:00"]),
    ];
    assert_eq!(read(&fixtures().join("types.arrow"), 100, "").as_ref(), Ok(&expected));
    let mut of_parquet = read(&fixtures().join("types.parquet"), 100, "").unwrap();
    (of_parquet[2].1, of_parquet[6].1) = (Type::Integer, Type::Unknown);
    assert_eq!(of_parquet, expected);
}

#[test]
fn kinds_are_detected_within_the_type() {
    let kinds = |name: &str| {
        let mut reader = open(fixtures().join(name), &ReadOptions::default()).unwrap();
        let detected = detect(&reader.all_rows().unwrap(), &[], false, Path::new(name)).unwrap();
        detected.into_iter().map(|column| column.kind).collect::<Vec<_>>()
    };
    use Kind::{Boolean, Category, Constant, Date, Number};
    assert_eq!(kinds("pyarrow_snappy.parquet"), [Number, Number, Boolean, Category, Date, Date]);
    assert_eq!(kinds("polars.arrow"), kinds("pyarrow_snappy.parquet"));
    assert_eq!(kinds("types.arrow"), [Number, Number, Number, Number, Number, Category, Constant, Category]);
}

#[test]
fn what_cannot_be_read_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let whole = fs::read(fixtures().join("pyarrow_snappy.parquet")).unwrap();
    let arrow = fs::read(fixtures().join("polars.arrow")).unwrap();
    let stream = fs::read(fixtures().join("stream.arrow")).unwrap();
    let gzip = |bytes: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, bytes).unwrap();
        gzip.finish().unwrap()
    };
    let encrypted = [&whole[..whole.len() - 4], b"PARE"].concat();
    let mut footer = whole.clone();
    let end = footer.len() - 8;
    footer[end - 60..end].fill(0xff);
    for (path, said) in [
        (fixtures().join("brotli.parquet"), "row group 1, column `job`: it is compressed as BROTLI"),
        (
            fixtures().join("nested.parquet"),
            "column `tags` is a list; a table has numbers, names and dates: write its parts as columns, or leave it out (`train` does with --ignore tags)",
        ),
        (
            fixtures().join("nested.arrow"),
            "column `tags` is a list; a table has numbers, names and dates: write its parts as columns, or leave it out (`train` does with --ignore tags)",
        ),
        (fixtures().join("zstd.arrow"), "record batch 1: it is compressed with Zstandard"),
        (
            at("cut.parquet", &whole[..1000]),
            "this is a Parquet file that is cut off: its index, which is at its end, is missing",
        ),
        (at("tiny.parquet", b"PAR1"), "this is a Parquet file that is cut off"),
        (at("encrypted.parquet", &encrypted), "this is an encrypted Parquet file; write it without encryption"),
        (at("footer.parquet", &footer), "the index of this Parquet file is damaged"),
        (at("wrong.parquet", b"a,b\n1,2\n"), "this has the name of a Parquet file and is a text file"),
        (at("wrong.feather", b"\x89HDF\r\n"), "this has the name of an Arrow file and is an HDF5 file"),
        (at("empty.parquet", b""), "this is an empty file"),
        (
            at("packed.gz", &gzip(&whole)),
            "this is a Parquet file, whose index is at its end: it cannot be read from standard input",
        ),
        (at("packed.arrow.gz", &gzip(&arrow)), "this is an Arrow file, whose index is at its end"),
        (at("cut_stream", &stream[..1000]), "this Arrow file is cut off; copy or write it again"),
        (at("cut.arrow", &arrow[..1000]), "this Arrow file is cut off; copy or write it again"),
    ] {
        let refused = read(&path, 100, "").unwrap_err();
        assert!(refused.starts_with(said) && !refused.contains('\n'), "{}: {refused}", path.display());
    }
    // By their content, whatever the name.
    assert_eq!(read(&at("table", &whole), 100, ""), Ok(table()));
    assert_eq!(read(&at("table.gz", &gzip(&stream)), 100, ""), Ok(table()));
}

/// An error or a table, whatever the bytes; nothing that a size claims is allocated before there are as many bytes.
#[test]
fn cut_off_or_damaged_anywhere_a_file_gives_an_error_or_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged");
    let (mut errors, mut tables, mut panics) = (0, 0, Vec::new());
    for entry in fs::read_dir(fixtures()).unwrap() {
        let name = entry.unwrap().path();
        let whole = fs::read(&name).unwrap();
        let mut try_read = |bytes: &[u8], what: String| {
            // A file that is emptied and written again is flushed to some disks at once.
            let _ = fs::remove_file(&path);
            fs::write(&path, bytes).unwrap();
            match std::panic::catch_unwind(|| read(&path, 100, "")) {
                Ok(Ok(_)) => tables += 1,
                Ok(Err(said)) => {
                    assert!(!said.contains('\n'), "{what}: {said}");
                    errors += 1;
                }
                Err(_) => panics.push(what),
            }
        };
        for at in 0..whole.len() {
            try_read(&whole[..at], format!("{} cut at {at}", name.display()));
            let flip = [0xff, 0x01, 0x80][at % 3];
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            try_read(&bytes, format!("{} byte {at} ^ {flip}", name.display()));
        }
    }
    assert!(panics.is_empty(), "{} panics of {}: {:?}", panics.len(), errors + tables, &panics[..panics.len().min(20)]);
    assert!(errors > tables, "{errors} errors, {tables} tables");
}
