//! Tables: what is in them, training, evaluation, predictions, and files that cannot be used.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use super::{Folder, Said, data_dir};

/// People whose income follows from their age and job, with gaps.
pub(super) fn people(rows: usize) -> String {
    let jobs = ["cook", "pilot", "clerk", ""];
    let row = |i: usize| {
        let age = 20 + (i * 7) % 45;
        let is_rich = (age > 40) ^ (i % 4 == 1 && age > 30);
        let shown = if i % 11 == 3 { String::new() } else { age.to_string() };
        let income = if is_rich { ">50K" } else { "<=50K" };
        format!("P{i:05},{shown},{},2026-{:02}-{:02},EU,{income}\n", jobs[i % 4], 1 + i % 12, 1 + i % 28)
    };
    std::iter::once("name,age,job,since,region,income\n".into()).chain((0..rows).map(row)).collect()
}

pub(crate) fn with_people(rows: usize) -> Folder {
    let folder = Folder::new();
    fs::write(folder.path("people.csv"), people(rows)).expect("written");
    folder
}

fn train(folder: &Folder, more: &[&str]) -> Said {
    folder.run(&[&["train", "people.csv", "--target", "income", "--json", "--quiet"], more].concat())
}

#[test]
fn a_table_is_inspected_trained_on_evaluated_and_predicted() {
    let folder = with_people(600);
    let seen = folder.run(&["inspect", "people.csv"]).well().out;
    for said in [
        "identifier",
        "number       55",
        "one-hot, 3 levels and an input for missing",
        "month",
        "every row has the same value",
    ] {
        assert!(seen.contains(said), "{said} in {seen}");
    }
    let done = train(&folder, &["--save", "m.safetensors"]).well().last();
    assert_eq!((&done["task"], &done["recipe"]), (&"binary".into(), &"plain".into()));
    for score in ["accuracy", "log_loss", "roc_auc"] {
        let [own, trivial] =
            [&done["test"], &done["baseline"]["trivial"]].map(|scores| scores[score].as_f64().expect(score));
        assert!(if score == "log_loss" { own < trivial } else { own > trivial }, "{score}: {own} {trivial}");
        assert!(done["baseline"]["linear"][score].is_number());
    }
    let evaluated = folder.run(&["eval", "m.safetensors", "--json"]).well().last();
    assert_eq!(evaluated["test"], done["test"]);
    assert_eq!(folder.run(&["replay", "m.safetensors", "--json"]).well().last()["same"], true);
    // All rows of another file, in another order of columns, with one more.
    let mut columns = String::from("more,income,region,since,job,age,name\n");
    for line in people(50).lines().skip(1) {
        let cells: Vec<&str> = line.split(',').rev().collect();
        columns += &format!("x,{}\n", cells.join(","));
    }
    fs::write(folder.path("new.csv"), columns).expect("written");
    let whole = folder.run(&["predict", "m.safetensors", "people.csv", "--json"]).well();
    let other = folder.run(&["predict", "m.safetensors", "new.csv", "--json"]).well();
    let [whole, other] = [&whole, &other].map(|said| said.out.lines().take(50).collect::<Vec<_>>());
    assert_eq!(whole, other);
    assert!(other[0].starts_with(r#"{"row":1,"predicted":"<=50K","probabilities":{"<=50K":"#), "{}", other[0]);
    assert_eq!(folder.run(&["eval", "m.safetensors", "new.csv", "--json"]).well().last()["rows"], 50);
}

#[test]
fn predictions_are_written_with_their_inputs_and_nothing_is_replaced() {
    let folder = with_people(300);
    train(&folder, &["--save", "m.safetensors", "--epochs", "2"]).well();
    let all = ["predict", "m.safetensors", "people.csv", "--out", "scored.csv", "--with-input"];
    let said = folder.run(&all).well();
    assert!(said.err.starts_with("300 rows in ") && said.out.is_empty(), "{said:?}");
    let scored = fs::read_to_string(folder.path("scored.csv")).expect("written");
    let first = scored.lines().next().expect("names");
    assert_eq!(first, "name,age,job,since,region,income,predicted income,probability of <=50K,probability of >50K");
    assert_eq!(scored.lines().count(), 301);
    assert!(people(300).lines().skip(1).zip(scored.lines().skip(1)).all(|(input, line)| line.starts_with(input)));
    assert!(folder.run(&all).refusal(1).contains("scored.csv: something is there already"));
    let out = folder.run(&["predict", "m.safetensors", "people.csv", "--out", "-"]).well().out;
    assert_eq!(out.lines().next(), Some("predicted income,probability of <=50K,probability of >50K"));
    let mut child = folder
        .command(&["predict", "m.safetensors", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    child.stdin.take().expect("a pipe").write_all(people(20).as_bytes()).expect("written");
    assert_eq!(String::from_utf8(child.wait_with_output().expect("an end").stdout).expect("text").lines().count(), 20);
    let train = ["train", "-", "--target", "income", "--epochs", "2", "--save", "piped.safetensors", "--quiet"];
    let mut child = folder.command(&train).stdin(Stdio::piped()).spawn().expect("the binary starts");
    child.stdin.take().expect("a pipe").write_all(people(300).as_bytes()).expect("written");
    assert!(child.wait().expect("an end").success());
    let [piped, read] = ["piped.safetensors", "m.safetensors"]
        .map(|model| folder.run(&["predict", model, "people.csv", "--json"]).well().out);
    assert_eq!(piped, read);
    let said = folder.run(&["eval", "piped.safetensors"]);
    assert!(said.refusal(2).contains("the model was trained on standard input; name a table"), "{said:?}");
}

#[test]
fn what_new_rows_lack_or_have_beside_is_said() {
    let folder = with_people(300);
    train(&folder, &["--save", "m.safetensors", "--epochs", "2"]).well();
    let predict = |text: &str| {
        fs::write(folder.path("new.csv"), text).expect("written");
        folder.run(&["predict", "m.safetensors", "new.csv"])
    };
    let said = predict("age,job,since\n30,Cook,2026-01-01\n,sailor,\n31,cook ,2026-01-01\n").well();
    assert_eq!(said.out.lines().count(), 3);
    assert!(
        said.err.contains("warning: column `job` has `Cook` in 1 row, unseen in training; did you mean `cook`?"),
        "{said:?}"
    );
    assert!(said.err.contains("`sailor` in 1 row, unseen in training\n"), "{said:?}");
    for (text, piece) in [
        ("age,since\n30,2026-01-01\n", "new.csv: no column `job`, which the model needs; there are age, since"),
        ("ages,job,since\n30,cook,2026-01-01\n", "no column `age`, which the model needs; did you mean `ages`?"),
        (
            "age,job,since\n30,cook,2026-01-01\nold,cook,2026-01-01\n",
            "new.csv: row 2, column `age`: `old` is not a number",
        ),
        ("age,job,since\n30,cook,soon\n", "row 1, column `since`: `soon` is not a date, such as 2026-11-27"),
        ("age,job,since\n", "it has a line of names and no rows"),
    ] {
        let said = predict(text);
        assert!(said.refusal(1).contains(piece), "{text}: {said:?}");
    }
}

#[test]
fn numbers_are_predicted_in_their_own_unit() {
    let folder = Folder::new();
    let rows: String = (0..400).map(|i| format!("{},{}\n", i % 40, 1000.0 + 250.0 * f64::from(i % 40))).collect();
    fs::write(folder.path("pay.csv"), format!("years,pay\n{rows}")).expect("written");
    let decimal = rows.replace(',', ";").replace(".", ",");
    fs::write(folder.path("decimal.csv"), format!("years;pay\n{}", decimal.replace('\n', ",5\n"))).expect("written");
    let done = folder
        .run(&["train", "decimal.csv", "--epochs", "5", "--json", "--quiet", "--save", "d.safetensors"])
        .well()
        .last();
    let evaluated = folder.run(&["eval", "d.safetensors", "decimal.csv", "--json"]).well().last();
    assert_eq!(evaluated["rows"], 400);
    let [one, other] = [&done, &evaluated].map(|said| said["test"]["rmse"].as_f64().expect("a number"));
    assert!((one / other - 1.0).abs() < 0.5, "{one} {other}");
    for more in [&[][..], &["--target-transform", "log"]] {
        let all = [&["train", "pay.csv", "--json", "--quiet", "--save", "m.safetensors"], more].concat();
        let done = folder.run(&all).well().last();
        assert_eq!(done["task"], "regression");
        let [rmse, trivial] =
            [&done["test"], &done["baseline"]["trivial"]].map(|scores| scores["rmse"].as_f64().expect("a number"));
        assert!(rmse < 300.0 && trivial > 2000.0, "{done}");
        let said = folder.run(&["predict", "m.safetensors", "pay.csv", "--json"]).well().out;
        let first: serde_json::Value = serde_json::from_str(said.lines().nth(20).expect("a row")).expect("an object");
        assert!((first["predicted"].as_f64().expect("a number") - 6000.0).abs() < 600.0, "{first}");
        assert_eq!(folder.run(&["eval", "m.safetensors", "--json"]).well().last()["test"], done["test"]);
    }
}

/// Every recipe for tables, and an ensemble.
pub(crate) const TABLE_RECIPES: [&[&str]; 6] = [
    &["plain"],
    &["plain", "--ensemble", "3"],
    &["realmlp"],
    &["realmlp", "--ensemble", "2"],
    &["tabm"],
    &["tabm-mini=0"],
];

#[test]
fn the_same_bits_for_every_number_of_threads_and_after_a_resume() {
    let folder = with_people(500);
    let hash = |said: &Said| said.last()["weights_sha256"].as_str().expect("weights").to_owned();
    let small = ["--hidden", "24,16", "--epochs", "6"];
    for (i, recipe) in TABLE_RECIPES.iter().enumerate() {
        let options = [&["--recipe"][..], *recipe, if i == 0 { &[] } else { &small }].concat();
        let trained = |more: &[&str]| train(&folder, &[&options[..], more].concat()).well();
        let one = hash(&trained(&["--no-save", "--threads", "1"]));
        assert_eq!(one, hash(&trained(&["--no-save", "--threads", "2"])), "{recipe:?}");
        let run = format!("r{i}");
        trained(&["--run", &run, "--time-limit", "0.02s", "--checkpoint-every", "7steps"]);
        let resume = ["train", "--resume", &run, "--time-limit", "600s", "--json", "--quiet", "--threads", "1"];
        assert_eq!(hash(&folder.run(&resume).well()), one, "{recipe:?}");
        let model = format!("{run}/model.safetensors");
        assert_eq!(folder.run(&["replay", &model, "--json"]).well().last()["same"], true, "{recipe:?}");
        let predicted = folder.run(&["predict", &model, "people.csv", "--json"]).well();
        assert_eq!(predicted.out.lines().count(), 500, "{recipe:?}");
    }
    let page = fs::read_to_string(folder.path("r0/report.html")).expect("a report");
    assert!(page.contains("people.csv"));
}

/// A recipe is chosen by the table, and the reason said; what was chosen is kept.
#[test]
fn without_a_recipe_one_is_chosen_and_the_reason_printed() {
    let folder = with_people(1200);
    let typed =
        ["train", "people.csv", "--target", "income", "--epochs", "2", "--hidden", "8", "--save", "m.safetensors"];
    let said = folder.run(&typed).well();
    assert!(said.err.contains("recipe realmlp with 8 networks: 1200 rows and"), "{said:?}");
    assert!(folder.run(&["replay", "m.safetensors"]).well().out.contains("the same to the bit"));
    let folder = with_people(300);
    let said = folder.run(&typed).well();
    assert!(
        said.err.contains("recipe plain with 8 networks: 300 rows are few; --recipe NAME takes another"),
        "{said:?}"
    );
}

#[test]
fn tables_that_cannot_be_trained_on_are_refused_in_one_sentence() {
    let folder = Folder::new();
    let refused = |text: &str, more: &[&str]| {
        fs::write(folder.path("t.csv"), text).expect("written");
        let said = folder.run(&[&["train", "t.csv", "--no-save", "--quiet"], more].concat());
        assert!(said.code != 0 && said.err.lines().count() == 1, "{text} {said:?}");
        said.err
    };
    let good = "a,b\n1,x\n2,y\n3,x\n4,y\n5,x\n6,y\n7,x\n8,y\n9,x\n10,y\n";
    for (text, more, piece) in [
        (good, &["--target", "bb"][..], "--target: no column `bb`; did you mean `b`?"),
        (good, &["--column", "c=number"], "--column: no column `c`; there are a, b"),
        (good, &["--column", "b=number"], "t.csv: row 1, column `b`: `x` is not a number"),
        (good, &["--column", "b=nmuber"], "unknown column kind `nmuber`; did you mean `number`?"),
        (good, &["--ignore", "b", "--target", "b"], "--ignore: `b` is what is to be predicted"),
        (good, &["--augment", "shift=1"], "--augment: this is for images, and t.csv is a table"),
        (good, &["--recipe", "fast"], "recipe: `fast` is for images, and this is a table"),
        (good, &["--test", "missing.csv"], "missing.csv: No such file"),
        ("a,b\n1,x\n2,x\n3,x\n", &[], "the target `b` is `x` in every training row; there is nothing to learn"),
        ("a,b\n1,\n2,\n", &[], "t.csv: every cell of the target `b` is empty"),
        ("a,b\n1,2\n3\n", &[], "t.csv: row 2: 1 cell for 2 columns"),
        ("a,a\n1,2\n", &[], "t.csv: columns 1 and 2 are both named `a`"),
        ("a,b\n", &[], "t.csv: it has a line of names and no rows"),
        ("", &[], "t.csv: this is an empty file"),
        ("1,2\n3,4\n", &[], "its first line has numbers (1, 2, ...)"),
        (
            "b,a\nx,1\ny,2\nx,3\ny,inf\n",
            &["--column", "a=number", "--target", "b"],
            "row 4, column `a`: `inf` is not a finite number",
        ),
    ] {
        let said = refused(text, more);
        assert!(said.contains(piece), "{text} {more:?}: {said}");
    }
    for option in [
        &["--target", "x"][..],
        &["--scaling", "robust"],
        &["--target-transform", "log"],
        &["--embed-above", "8"],
        &["--clamp"],
    ] {
        let said = folder.run(&[&["train", "digits", "--no-save"], option].concat());
        let wanted = format!("{}: this is for tables, and digits is none", option[0]);
        assert!(said.refusal(2).contains(&wanted), "{said:?}");
    }
}

/// `Yes` was read as `yes` in training, and as `Yes`, which no training row had, in an evaluation.
#[test]
fn classes_are_spelt_as_in_the_file() {
    let folder = Folder::new();
    let rows: String = (0..200).map(|i| format!("{},{}\n", i % 20, if i % 20 > 9 { "Yes" } else { "No" })).collect();
    fs::write(folder.path("t.csv"), format!("x,churn\n{rows}")).expect("written");
    folder.run(&["train", "t.csv", "--quiet", "--save", "m.safetensors"]).well();
    let evaluated = folder.run(&["eval", "m.safetensors", "t.csv", "--json"]).well().last();
    assert_eq!((&evaluated["rows"], &evaluated["classes"][1]["class"]), (&200.into(), &"Yes".into()));
    assert!(folder.run(&["predict", "m.safetensors", "t.csv", "--json"]).well().out.contains(r#""predicted":"Yes""#));
}

/// Column names that JSON has to escape, many columns, many levels, few rows.
#[test]
fn unusual_tables_are_trained_on() {
    let folder = Folder::new();
    let done = |text: &str, more: &[&str]| {
        fs::write(folder.path("t.csv"), text).expect("written");
        folder
            .run(&[&["train", "t.csv", "--json", "--quiet", "--epochs", "2", "--save", "m.safetensors"], more].concat())
            .well()
            .last()
    };
    let strange: String =
        (0..60).map(|i| format!("{i},{},\"{}\"\n", i % 7, ["no", "yes, \"\"so\"\""][i % 2])).collect();
    done(&format!("\"a[\"\"x\"\"]:\\\\\",b{{}},\"t,\nt\"\n{strange}"), &[]);
    let said = folder.run(&["predict", "m.safetensors", "t.csv", "--json"]).well().out;
    let first: serde_json::Value = serde_json::from_str(said.lines().next().expect("a row")).expect("an object");
    assert!(first["probabilities"]["yes, \"so\""].is_number(), "{first}");
    let wide = |cell: &dyn Fn(usize) -> String| (0..10_000).map(cell).collect::<Vec<_>>().join(",");
    let rows: String = (0..30)
        .map(|row| wide(&|i| ((i * 31 + row * 17) % 13).to_string()) + if row % 2 == 0 { ",x\n" } else { ",y\n" })
        .collect();
    done(&format!("{},target\n{rows}", wide(&|i| format!("c{i}"))), &["--hidden", "4"]);
    let levels: String = (0..120_000).map(|i| format!("L{},{},{}\n", i % 100_000, i % 10, i % 2)).collect();
    done(&format!("level,n,target\n{levels}"), &["--hidden", "4", "--epochs", "1"]);
    done("n,target\n1,a\n2,b\n3,a\n4,b\n", &[]);
}

/// Columns of the real tables that are left out, all others being used, and what their targets are.
const REAL: [(&str, &str, &str); 32] = [
    ("abalone.csv", "", "number"),
    ("adult_test.csv.gz", "", "category"),
    ("adult_train.csv.gz", "", "category"),
    ("ames_housing.csv", "Id PID", "number"),
    ("bank_marketing.csv.gz", "", "category"),
    ("bike_sharing_hour.csv.gz", "instant", "number"),
    ("breast_cancer.csv", "", "category"),
    ("california_housing.csv.gz", "", "category"),
    ("california_housing_8num.csv.gz", "", "number"),
    ("churn_modelling.csv", "RowNumber CustomerId", "category"),
    ("covertype_20k.csv.gz", "Soil_Type7 Soil_Type15", "category"),
    ("credit_default.csv.gz", "ID", "category"),
    ("diabetes.csv", "", "number"),
    ("diamonds.csv.gz", "", "number"),
    ("digits.csv", "p00 p40 p47", "category"),
    ("electricity.csv.gz", "", "category"),
    ("german_credit.csv", "", "category"),
    ("higgs_small_test.csv", "", "category"),
    ("higgs_small_train.csv.gz", "", "category"),
    ("house_8L.csv.gz", "", "number"),
    ("iris.csv", "", "category"),
    ("letter.csv", "", "category"),
    ("magic.csv.gz", "", "category"),
    ("mushroom.csv", "veil-type", "category"),
    ("nursery.csv.gz", "", "category"),
    ("penguins.csv", "", "number"),
    ("poker_hand_train.csv", "", "category"),
    ("spambase.csv", "", "category"),
    ("telco_churn.csv", "customerID", "category"),
    ("titanic.csv", "PassengerId Name", "category"),
    ("wine.csv", "", "category"),
    ("wine_quality.csv", "", "number"),
];

#[test]
fn the_columns_of_real_tables_are_what_people_take_them_for() {
    let Some(data) = data_dir("the_columns_of_real_tables_are_what_people_take_them_for") else { return };
    let data = data.canonicalize().expect("the folder").join("tabular");
    for (name, left_out, target) in REAL {
        let path = data.join(name);
        let said = Folder::new().run(&["inspect", path.to_str().expect("a path"), "--json"]).well();
        let columns: Vec<serde_json::Value> =
            said.out.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
        let unused = |column: &&serde_json::Value| {
            ["identifier", "constant", "text"].contains(&column["kind"].as_str().expect("a kind"))
        };
        let unused: Vec<&str> = columns.iter().filter(unused).filter_map(|column| column["column"].as_str()).collect();
        assert_eq!(unused.join(" "), left_out, "{name}");
        let of_target = columns.iter().find(|column| column["target"] == true).expect("the last column");
        assert_eq!(of_target["kind"], target, "{name}");
    }
}

/// Accuracy or R2 on a fifth of the rows, beside what the linear model reaches.
#[test]
fn real_tables_are_trained_on_with_nothing_but_their_target() {
    let Some(data) = data_dir("real_tables_are_trained_on_with_nothing_but_their_target") else { return };
    let data = data.canonicalize().expect("the folder").join("tabular");
    for (name, recipe, more, score, least) in [
        ("abalone.csv", "plain", &[][..], "r2", 0.52),
        ("california_housing_8num.csv.gz", "plain", &[], "r2", 0.77),
        ("churn_modelling.csv", "plain", &["--ignore", "Surname"], "accuracy", 0.85),
        ("letter.csv", "plain", &[], "accuracy", 0.95),
        ("letter.csv", "realmlp", &["--epochs", "12"], "accuracy", 0.94),
        ("adult_train.csv.gz", "plain", &[], "accuracy", 0.84),
        ("wine_quality.csv", "plain", &[], "r2", 0.35),
        ("wine_quality.csv", "tabm-mini", &["--epochs", "8", "--hidden", "64,64"], "r2", 0.33),
    ] {
        let path = data.join(name);
        let path = path.to_str().expect("a path");
        let train = ["train", path, "--recipe", recipe, "--json", "--quiet", "--no-save"];
        let done = Folder::new().run(&[&train[..], more].concat()).well().last();
        let [own, linear] =
            [&done["test"], &done["baseline"]["linear"]].map(|scores| scores[score].as_f64().expect(score));
        assert!(own > least && own > linear - 0.02, "{name} {recipe}: {own}, linear {linear}");
    }
}

#[test]
fn the_report_of_a_table_has_scores_calibration_importance_and_dependence() {
    let folder = with_people(600);
    train(&folder, &["--no-save", "--threshold", "youden", "--report", "classes.html"]).well();
    let page = fs::read_to_string(folder.path("classes.html")).expect("written");
    for piece in [
        ">Scores</h2>",
        ">Calibration</h2>",
        ">Importance of the columns</h2>",
        "<figcaption>mean probability of &gt;50K by age<",
    ] {
        assert!(page.contains(piece), "{piece}");
    }
    assert!(page.contains("<code>&gt;50K</code> is predicted where its probability is above it"));
    // Age and job decide; the region is constant and the name left out.
    let importance =
        page.split("all columns</summary>").nth(1).and_then(|rest| rest.split("</table>").next()).expect("a table");
    let columns: Vec<&str> =
        importance.split("<th scope=\"row\">").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    assert_eq!((columns.len(), columns[0]), (3, "age"), "{columns:?}");
    let again = train(&folder, &["--no-save", "--threshold", "youden", "--report", "again.html", "--threads", "1"]);
    again.well();
    let other = fs::read_to_string(folder.path("again.html")).expect("written");
    let sections = |page: &str| {
        page.split(">Calibration</h2>").nth(1).map(|rest| rest.split(">Units</h2>").next().map(str::to_owned))
    };
    assert_eq!(sections(&page), sections(&other));
    let rows: String =
        (0..400).map(|i| format!("{},{},{}\n", i % 40, ["x", "y"][i % 2], 1000 + 250 * (i % 40))).collect();
    fs::write(folder.path("pay.csv"), format!("years,kind,pay\n{rows}")).expect("written");
    folder.run(&["train", "pay.csv", "--epochs", "5", "--quiet", "--no-save", "--report", "pay.html"]).well();
    let page = fs::read_to_string(folder.path("pay.html")).expect("written");
    for piece in [
        "<figcaption>pay: predicted over true<",
        "residuals: predicted - true",
        "<figcaption>mean prediction by years<",
    ] {
        assert!(page.contains(piece), "{piece}");
    }
    let true_pay = page.split("<title>true ").skip(1).filter_map(|rest| rest.split(',').next()?.parse::<f64>().ok());
    assert!(true_pay.fold(f64::MAX, f64::min) >= 1000.0, "in the units of the column");
}

#[test]
fn numbers_that_may_be_codes_are_pointed_out_and_can_be_levels() {
    let folder = Folder::new();
    let rows: String = (0..100).map(|i| format!("{},{},{}\n", i % 5 + 1, i * i % 37, i % 2)).collect();
    fs::write(folder.path("t.csv"), format!("the grade,x,y\n{rows}")).expect("written");
    let said = folder.run(&["inspect", "t.csv"]).well();
    let note =
        "note: `the grade` is a number, 5 distinct integers; --column 'the grade=category' treats them as levels";
    assert!(said.err.contains(note) && !said.err.contains("`x`"), "{said:?}");
    let first: Value =
        serde_json::from_str(folder.run(&["inspect", "t.csv", "--json"]).well().out.lines().next().expect("a line"))
            .expect("an object");
    assert_eq!((&first["integers"], &first["kind"]), (&5.into(), &"number".into()));
    let levels = folder.run(&["inspect", "t.csv", "--column", "the grade=category"]).well();
    assert!(levels.out.contains("one-hot, 5 levels") && !levels.err.contains("distinct"), "{levels:?}");
    folder
        .run(&[
            "train",
            "t.csv",
            "--column",
            "the grade=category",
            "--epochs",
            "2",
            "--quiet",
            "--save",
            "m.safetensors",
        ])
        .well();
    assert!(folder.run(&["summary", "m.safetensors"]).well().out.contains("the grade=5"));
}

#[test]
fn rows_of_a_table_of_ones_own_are_explained() {
    let folder = with_people(200);
    train(&folder, &["--recipe", "plain", "--epochs", "2", "--save", "m.safetensors"]).well();
    let explained = |more: &[&str]| folder.run(&[&["explain", "m.safetensors"], more].concat()).well();
    // With what is to be predicted, the columns in another order, and without it.
    fs::write(folder.path("one.csv"), "income,since,job,region,age,name\n>50K,2026-03-01,pilot,EU,,X\n")
        .expect("written");
    let said = explained(&["one.csv"]);
    assert!(said.out.starts_with("sample 0, class >50K: predicted"), "{said:?}");
    fs::write(folder.path("new.csv"), "since,job,age\n2026-03-01,pilot,\n2026-03-02,king,30\n").expect("written");
    let said = explained(&["new.csv", "--sample", "1"]);
    assert!(said.err.contains("`king` in 1 row, unseen in training") && said.err.contains("--label"), "{said:?}");
    assert!(explained(&["new.csv", "--label", ">50K"]).out.starts_with("sample 0, class >50K: predicted"));
    let said = folder.run(&["explain", "m.safetensors", "new.csv", "--sample", "2"]);
    assert!(said.err.contains("sample: 2; new.csv has the rows 0 to 1"), "{said:?}");
    fs::write(folder.path("less.csv"), "since,job\n2026-03-01,pilot\n").expect("written");
    let said = folder.run(&["explain", "m.safetensors", "less.csv"]);
    assert!(said.err.contains("less.csv: no column `age`, which the model needs"), "{said:?}");
    fs::remove_file(folder.path("m.safetensors")).expect("removed");
    train(&folder, &["--recipe", "tabm", "--epochs", "1", "--save", "m.safetensors"]).well();
    let ranked = folder.run(&["outliers", "m.safetensors", "people.csv"]).well();
    assert!(!ranked.out.contains("NaN"), "{ranked:?}");
    let refused = folder.run(&["outliers", "m.safetensors", "people.csv", "--by", "gradient"]);
    assert!(refused.err.contains("several members"), "{refused:?}");
}
