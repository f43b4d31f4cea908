use super::*;

fn table() -> Frame {
    let when = Column { kind: Kind::Date, ..Column::numbers("when", vec![0.0, 86_400.0, 3e6, f64::NAN, 9e6, 1e7]) };
    let id = Column { kind: Kind::Identifier, ..Column::numbers("id", (0..6).map(f64::from).collect()) };
    let columns = vec![
        id,
        Column::numbers("age", vec![20.0, 30.0, f64::NAN, 50.0, 60.0, 70.0]),
        Column::categories("city", ["Rome", "Oslo", "", "Rome", "Bonn", "Oslo"]),
        when,
        Column::numbers("flat", vec![1.0; 6]),
        Column::categories("buys", ["no", "yes", "no", "yes", "no", "yes"]),
    ];
    Frame::new("people", columns).unwrap()
}

#[test]
fn rows_that_are_not_trained_on_change_no_bit_of_the_fit() {
    for scaling in [Scaling::Standard, Scaling::Robust, Scaling::Quantile, Scaling::Unscaled] {
        let options = PreprocessOptions { scaling, ..Default::default() };
        let fit = |frame: &Frame| Preprocessing::fit(&frame.select(&[0, 1, 2, 3]), &["buys"], &options).unwrap();
        let mut other = table();
        for row in [4, 5] {
            for column in other.columns_mut() {
                match &mut column.values {
                    Values::Numbers(values) => values[row] = [f64::NAN, 1e300][row - 4],
                    Values::Levels { codes, levels } => {
                        levels.push(format!("new {row}"));
                        codes[row] = levels.len() as u32 - 1;
                    }
                }
            }
        }
        assert_eq!(fit(&table()), fit(&other));
    }
}

#[test]
fn it_comes_back_from_json_to_the_bit_and_nonsense_is_refused() {
    for scaling in [Scaling::Standard, Scaling::Robust, Scaling::Quantile] {
        let options = PreprocessOptions { scaling, min_rows: 1, ..Default::default() };
        let fitted = Preprocessing::fit(&table(), &["buys"], &options).unwrap();
        let json = serde_json::to_string(&fitted).unwrap();
        let back: Preprocessing = serde_json::from_str(&json).unwrap();
        assert_eq!(back, fitted);
        assert_eq!(back.inputs(&table()).unwrap(), fitted.inputs(&table()).unwrap());
        let wrong = json.replace("\"levels\":[\"Bonn\"", "\"levels\":[\"\"");
        assert!(serde_json::from_str::<Preprocessing>(&wrong).is_err());
    }
}

#[test]
fn columns_come_in_any_order_and_others_are_ignored() {
    let fitted = Preprocessing::fit(&table(), &["buys"], &PreprocessOptions::default()).unwrap();
    assert_eq!(fitted.columns().map(|(name, _)| name).collect::<Vec<_>>(), ["age", "city", "when"]);
    let mut columns = table().columns().to_vec();
    columns.reverse();
    columns.push(Column::categories("more", ["x"; 6]));
    let other = Frame::new("other", columns).unwrap();
    assert_eq!(fitted.inputs(&other).unwrap(), fitted.inputs(&table()).unwrap());
    assert_eq!(fitted.inputs(&table()).unwrap().inputs.len(), 6 * fitted.width());
    assert_eq!(fitted.names().len(), fitted.width());
    let missing = fitted.inputs(&table().without("age").named("new.csv")).unwrap_err().to_string();
    assert_eq!(missing, "new.csv: no column `age`; there are id, city, when, flat, buys");
    let mut names = table();
    names.columns_mut()[1] = Column::categories("age", ["old"; 6]);
    let said = fitted.inputs(&names).unwrap_err().to_string();
    assert_eq!(said, "people: column `age` holds names; in training it held numbers");
}

#[test]
fn what_cannot_be_predicted_is_refused_in_one_sentence() {
    let refused = |frame: &Frame, target: &str| {
        Preprocessing::fit(frame, &[target], &PreprocessOptions::default()).unwrap_err().to_string()
    };
    assert_eq!(refused(&table(), "Buys"), "people: no column `Buys` to predict; did you mean `buys`?");
    assert_eq!(refused(&table(), "age"), "people, row 2: the target `age` is missing");
    let said = refused(&table(), "flat");
    assert_eq!(said, "people: the target `flat` is 1 in every training row; there is nothing to learn");
    let one = table().select(&[0, 2]);
    assert_eq!(
        refused(&one, "buys"),
        "people: the target `buys` is `no` in every training row; there is nothing to learn"
    );
    assert_eq!(refused(&table().select(&[]), "buys"), "people: it has no rows");
    let alone = Frame::new("t", vec![table().columns()[0].clone(), table().columns()[5].clone()]).unwrap();
    assert!(refused(&alone, "buys").contains("no column can be used"));
}

#[test]
fn a_number_to_predict_comes_back() {
    let prices = Frame::new(
        "prices",
        vec![Column::numbers("x", vec![1.0, 2.0, 3.0]), Column::numbers("price", vec![0.0, 10.0, 1000.0])],
    );
    for target_transform in [TargetTransform::Identity, TargetTransform::Log] {
        let options = PreprocessOptions { target_transform, ..Default::default() };
        let fitted = Preprocessing::fit(prices.as_ref().unwrap(), &["price"], &options).unwrap();
        let Target::Numbers(targets) = fitted.target() else { panic!("numbers") };
        let encoded = [0.0, 10.0, 1000.0].map(|y| targets[0].encode(y));
        assert!(encoded.iter().sum::<f32>().abs() < 1e-6);
        for (y, t) in [0.0, 10.0, 1000.0].into_iter().zip(encoded) {
            assert!((targets[0].decode(t) - y).abs() < 1e-3, "{y}");
        }
    }
}
