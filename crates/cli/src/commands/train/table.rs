//! Training on a table: its columns become inputs, fitted to the training rows.

use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use layerloop::data::{SplitBy, TableParts, TableSplit};
use layerloop::names::text;
use layerloop::preprocess::{Frame, Kind, PreprocessOptions, Preprocessing, Scaling, TargetTransform, Values};
use layerloop::recipes::{Choice, Recipe};
use layerloop::{Error, Result, memory};
use layerloop_data::Loaded;
use layerloop_data::registry;
use layerloop_data::stored_table::{StoredParts, StoredTable, TrainingRows};
use layerloop_data::tables::{Table, notes, open_table, place, read_table};
use layerloop_table::typed;

use super::job::validation_share;
use crate::args::{ExplicitArgs, Train, parse};
use crate::scores::evenly;

/// Rows of the test part that a report averages over, at most.
const SAMPLE: usize = 500;

/// Reads the table and makes its parts; of the recipe also the options.
pub(super) fn load(args: &Train) -> Result<(Option<Box<Train>>, Loaded)> {
    if let (None, Some(there)) = (args.max_memory, outgrown(&args.data)) {
        let half = format!("{}MB", (there / 2_000_000).max(1));
        let with = args.with_typed(&parse::over(args.typed.clone(), ExplicitArgs::with("max_memory", &[&half])))?;
        let (with, mut loaded) = of_table(&with, Rows::read(&with)?)?;
        loaded.notes.push(format!("the table may not fit into memory, so it is read as with --max-memory {half}"));
        return Ok((with, loaded));
    }
    of_table(args, Rows::read(args)?)
}

/// The memory that is there, if a table takes more.
fn outgrown(data: &Path) -> Option<usize> {
    /// Bytes in memory for each byte of a file: text, numbers, inputs; and of one that is packed.
    const IN_MEMORY: [u64; 2] = [4, 16];
    let bytes = std::fs::metadata(data).ok().filter(std::fs::Metadata::is_file)?.len();
    let is_packed = data.extension().is_some_and(|end| ["gz", "zst", "parquet"].iter().any(|packed| end == *packed));
    memory::available().filter(|&there| bytes.saturating_mul(IN_MEMORY[usize::from(is_packed)]) > there as u64)
}

/// A table, in memory or not, with the rows to test on where they are in a file of their own, and what is to be said of it.
enum Rows {
    InMemory(Box<Table>, Option<(Frame, Vec<String>)>),
    Stored(Box<StoredTable>, Option<(Frame, Vec<String>)>),
}

impl Rows {
    fn read(args: &Train) -> Result<Self> {
        let test = |table: &Table| args.test.as_ref().map(|path| test_part(args, table, path)).transpose();
        if args.max_memory.is_none() {
            let table = read(args)?;
            let test = test(&table)?;
            return Ok(Self::InMemory(table.into(), test));
        }
        refuse_image_options(args)?;
        let keys = match &args.split {
            Some(SplitBy::Time(column) | SplitBy::Group(column)) => vec![column.clone()],
            _ => Vec::new(),
        };
        let table = StoredTable::read(&args.data, &args.table.options(), &keys)?;
        let test = test(&table.first)?;
        Ok(Self::Stored(table.into(), test))
    }

    fn count(&self) -> usize {
        match self {
            Self::InMemory(table, _) => table.frame.rows(),
            Self::Stored(table, _) => table.rows(),
        }
    }

    /// What its columns are, without the rows.
    fn about(&self) -> Table {
        let table: &Table = match self {
            Self::InMemory(table, _) => table,
            Self::Stored(table, _) => &table.first,
        };
        let Table { columns, target, notes, .. } = table;
        Table { frame: table.frame.head(0), columns: columns.clone(), target: target.clone(), notes: notes.clone() }
    }

    fn split(self, split: &TableSplit, fit: Fit) -> Result<Parts> {
        match self {
            Self::InMemory(table, test) => {
                let target: Vec<&str> = table.target.iter().map(String::as_str).collect();
                let (test, more) = test.unzip();
                let parts = TableParts::new(&table.frame, test.as_ref(), &target, split, fit)?;
                Ok((parts, None, more.unwrap_or_default()))
            }
            Self::Stored(table, test) => {
                let (test, more) = test.unzip();
                let StoredParts { parts, rows } = table.parts(test, split, fit)?;
                Ok((parts, Some(Arc::new(rows)), more.unwrap_or_default()))
            }
        }
    }
}

fn of_table(args: &Train, rows: Rows) -> Result<(Option<Box<Train>>, Loaded)> {
    let table = rows.about();
    prepared(args, rows.count(), &table, |split, fit| rows.split(split, fit))
}

/// The table as it is.
pub(super) fn read(args: &Train) -> Result<Table> {
    refuse_image_options(args)?;
    read_table(&args.data, &args.table.options())
}

/// As [`load`], for rows of a table to train on and others to test on.
pub(super) fn of_rows(args: &Train, table: &Table, rows: [&[usize]; 2]) -> Result<(Option<Box<Train>>, Loaded)> {
    let [frame, test] = rows.map(|rows| table.frame.select(rows));
    let target: Vec<&str> = table.target.iter().map(String::as_str).collect();
    prepared(args, frame.rows(), table, |split, fit| {
        Ok((TableParts::new(&frame, Some(&test), &target, split, fit)?, None, Vec::new()))
    })
}

/// Of a table whose target is a class, the class of each row; rows without one are of a class of their own.
pub(super) fn classes_of_rows(table: &Table) -> Result<Option<Vec<u32>>> {
    let (true, [target]) = (predicts_classes(table), table.target.as_slice()) else { return Ok(None) };
    let column = table.frame.column(target)?;
    Ok(match &column.values {
        Values::Levels { codes, levels } => Some(codes.iter().map(|code| (*code).min(levels.len() as u32)).collect()),
        Values::Numbers(values) => Some(values.iter().map(|&value| u32::from(value != 0.0)).collect()),
    })
}

/// The parts, the rows to train on where they are not in memory, and what is to be said of the test part's file.
type Parts = (TableParts, Option<Arc<TrainingRows>>, Vec<String>);
type Fit<'a> = &'a dyn Fn(&Frame) -> Result<Preprocessing>;

fn prepared(
    args: &Train,
    rows: usize,
    table: &Table,
    split: impl FnOnce(&TableSplit, Fit) -> Result<Parts>,
) -> Result<(Option<Box<Train>>, Loaded)> {
    let rows = args.limit.unwrap_or(usize::MAX).min(rows);
    let classes = predicts_classes(table);
    let choice = args.recipe.is_none().then(|| {
        let columns = table.columns.iter().filter(|column| column.kind.is_used()).count();
        let cores = available_parallelism().map_or(1, usize::from); // whatever --threads: no bit depends on it
        Choice::for_table(rows, columns, classes, cores)
    });
    let recipe = choice.as_ref().map_or(args.recipe.unwrap_or(Recipe::Plain), |choice| choice.recipe);
    let mut plan = recipe.plan_for_table(rows, classes)?;
    plan.ensemble = choice.as_ref().map_or(1, |choice| choice.ensemble);
    let with = args.with_recipe_plan(recipe, &plan)?;
    let options = with.preprocessing();
    let target: Vec<&str> = table.target.iter().map(String::as_str).collect();
    let fit = |train: &Frame| Preprocessing::fit(train, &target, &options);
    let mut loaded = loaded(&with, table, split(&split_by(&with), &fit)?);
    let with = with.with_layers_of_recipe(&loaded.train)?;
    let members = if plan.ensemble > 1 { format!(" with {} networks", plan.ensemble) } else { String::new() };
    loaded.notes.extend(
        choice
            .map(|choice| format!("recipe {}{members}: {}; --recipe NAME takes another", text(recipe), choice.reason)),
    );
    loaded.notes.extend(left_out(table));
    Ok((Some(with), loaded))
}

/// Whether classes are to be predicted, not numbers.
fn predicts_classes(table: &Table) -> bool {
    let of = |name: &String| table.columns.iter().find(|column| column.name == *name).map(|column| column.kind);
    table.target.iter().any(|name| matches!(of(name), Some(Kind::Category | Kind::Boolean)))
}

/// The parts of the table that a run had, with what was fitted then.
pub(crate) fn again(args: &Train, fitted: &Preprocessing) -> Result<Loaded> {
    let rows = Rows::read(args)?;
    let table = rows.about();
    Ok(loaded(args, &table, rows.split(&split_by(args), &|_| Ok(fitted.clone()))?))
}

/// The rows to test on, from a file of their own, and what is to be said of it.
fn test_part(args: &Train, table: &Table, path: &Path) -> Result<(Frame, Vec<String>)> {
    let kinds: Vec<_> = table.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
    let mut reader = open_table(path, &args.table.read())?;
    reader.retain(|name| kinds.iter().any(|(other, _)| *other == name));
    let frame = typed(&reader.all_rows()?, &kinds, path)?;
    Ok((frame, notes(&reader)))
}

/// How the rows are split.
fn split_by(args: &Train) -> TableSplit {
    let mut split = TableSplit::default();
    (split.validation, split.limit, split.seed) = (validation_share(args), args.limit, args.seed);
    split.by = args.split.clone().unwrap_or_default();
    split
}

fn loaded(args: &Train, table: &Table, (parts, stored, more): Parts) -> Loaded {
    let TableParts { train, validation, test, test_frame, notes: of_parts, .. } = parts;
    let test_frame = Some(test_frame.select(&evenly(test_frame.rows(), SAMPLE)));
    let notes = [table.notes.clone(), more, of_parts].concat();
    let entry = args.data.to_str().and_then(registry::find);
    let about = entry.map_or("", |entry| entry.about);
    let name = |data: &Path| data.display().to_string();
    let (train, test) =
        (train.named(name(&args.data)), test.named(format!("{} test", name(args.test.as_ref().unwrap_or(&args.data)))));
    let stored = stored.map(|stored| stored as _);
    Loaded { validation, about, notes, test_frame, stored, ..Loaded::new(train, test, place(&args.data)) }
}

/// A sentence of the columns that are left out.
fn left_out(table: &Table) -> Option<String> {
    let unused = table.columns.iter().filter(|column| !column.kind.is_used());
    let each: Vec<String> = unused
        .map(|column| {
            let reason = column.reason.as_deref().unwrap_or("as given");
            format!("`{}` ({}: {reason})", column.name, text(column.kind))
        })
        .collect();
    (!each.is_empty()).then(|| format!("left out: {}; --column NAME=KIND uses a column all the same", each.join(", ")))
}

impl Train {
    /// How columns become inputs.
    fn preprocessing(&self) -> PreprocessOptions {
        let mut options = PreprocessOptions::default();
        (options.scaling, options.target_transform) = (self.scaling, self.target_transform);
        (options.embed_above, options.clamp) = (self.embed_above, self.clamp);
        options
    }
}

/// Refuses options of tables for other data.
pub(super) fn refuse_options(args: &Train) -> Result<()> {
    let table = &args.table;
    let typed = [
        ("--target", !table.target.is_empty()),
        ("--column", !table.column.is_empty()),
        ("--ignore", !table.ignore.is_empty()),
        ("--missing", table.missing.is_some()),
        ("--delimiter", table.delimiter.is_some()),
        ("--skip-bad-rows", table.skip_bad_rows),
        ("--test", args.test.is_some()),
        ("--split", args.split.is_some()),
        ("--scaling", args.scaling != Scaling::Standard),
        ("--target-transform", args.target_transform != TargetTransform::Identity),
        ("--embed-above", args.embed_above.is_some()),
        ("--clamp", args.clamp),
    ];
    let Some((option, _)) = typed.iter().find(|(_, is_typed)| *is_typed) else { return Ok(()) };
    Err(Error::config(*option, format!("this is for tables, and {} is none", args.data.display())))
}

/// Refuses options of images and of data sets by name.
fn refuse_image_options(args: &Train) -> Result<()> {
    let typed = [
        ("--size", args.size.is_some()),
        ("--augment", !args.augment.is_empty()),
        ("--data-dir", args.data_dir.is_some()),
    ];
    let Some((option, _)) = typed.iter().find(|(_, is_typed)| *is_typed) else { return Ok(()) };
    let what = if *option == "--data-dir" { "data sets that have a name and files" } else { "images" };
    Err(Error::config(*option, format!("this is for {what}, and {} is a table", args.data.display())))
}
