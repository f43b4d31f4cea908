//! `layerloop list`: what there is to choose from.

use super::Folder;

#[test]
fn every_family_is_listed_within_a_hundred_columns() {
    let folder = Folder::new();
    let families = folder.run(&["list", "--json"]).well().json();
    assert!(families.len() >= 8, "{families:?}");
    for family in families {
        let name = family["family"].as_str().expect("a name");
        let said = folder.run(&["list", name]).well();
        assert!(said.out.lines().all(|line| line.chars().count() <= 100), "{}", said.out);
        let entries = folder.run(&["list", name, "--json"]).well().json();
        assert_eq!(Some(entries.len() as u64), family["count"].as_u64());
        for entry in entries {
            let name = entry["name"].as_str().expect("a name");
            assert!(said.out.lines().any(|line| line.split(' ').next() == Some(name)), "{name} in {}", said.out);
            assert!(entry["equation"].as_str().is_some_and(|equation| !equation.is_empty()), "{entry}");
        }
    }
}

#[test]
fn an_entry_has_its_equation_its_numbers_and_its_source() {
    let folder = Folder::new();
    let entries = folder.run(&["list", "schedules", "--json"]).well().json();
    let cosine = entries.iter().find(|entry| entry["name"] == "cosine").expect("cosine");
    assert_eq!(cosine["equation"], "f = least + (1 - least) (1 + cos(pi t)) / 2");
    assert_eq!(cosine["source"], "Loshchilov and Hutter 2017, without restarts.");
    let least = &cosine["numbers"][0];
    assert_eq!(
        (&least["name"], &least["default"], &least["range"]),
        (&"least".into(), &0.into(), &"at least 0 and at most 1".into())
    );
    let text = folder.run(&["list", "schedules"]).well().out;
    assert!(text.contains("least=0  Where it ends (at least 0 and at most 1)"), "{text}");
    assert!(text.contains("source: Loshchilov and Hutter 2017"), "{text}");
    assert!(folder.run(&["list", "optimisers"]).refusal(2).contains("optimizers"));
}

#[test]
fn the_help_of_train_points_to_the_lists() {
    let help = Folder::new().run(&["train", "--help"]).well().out;
    assert!(help.contains("layerloop list optimizers") && !help.contains("adadelta"), "{help}");
}
