//! Tables of comma-separated values: their contents, and the errors of malformed lines.
#![cfg(feature = "csv")]

use crate::common::reference::{cases, text};
use proptest::prelude::*;
use shapewright::Limits;
use shapewright::data::csv::{Csv, CsvClasses, CsvValues};
use shapewright::data::{Place, ReadError, ReadErrorKind, ReadErrors};
use shapewright::prelude::*;

const FLOWERS: &str = "a,b,kind\n1,2,rose\n3,4.5,lily\n-1e2, 0 ,rose\n";

fn classes(csv: &Csv, text: &str) -> Result<CsvClasses<2, 2>, ReadErrors> {
    csv.read_classes_from("t.csv", text.as_bytes(), "kind")
}

fn values(csv: &Csv, text: impl AsRef<[u8]>) -> Result<CsvValues<2, 1>, ReadErrors> {
    csv.read_values_from("t.csv", text.as_ref(), ["y"])
}

/// Asserts the whole text of the errors.
#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T, ReadErrors>, lines: &[&str]) {
    let text = result.expect_err("a malformed table").to_string();
    assert_eq!(text.lines().collect::<Vec<_>>(), lines);
}

fn indices<const N: usize>(labels: &[Label<N>]) -> Vec<usize> {
    labels.iter().map(|label| label.index()).collect()
}

#[test]
fn features_and_classes_are_read() {
    let table = classes(&Csv::new(), FLOWERS).expect("a table");
    assert_eq!(
        table.x,
        [[1.0, 2.0], [3.0, 4.5], [-100.0, 0.0]].map(Tensor1::from)
    );
    assert_eq!(indices(&table.labels), [1, 0, 1]);
    assert_eq!(
        (table.classes, table.columns),
        (
            vec!["lily".to_owned(), "rose".into()],
            vec!["a".into(), "b".into()]
        )
    );
    let declared = classes(&Csv::new().classes(["rose", "lily"]), FLOWERS).expect("a table");
    assert_eq!(indices(&declared.labels), [0, 1, 0]);
    assert_eq!(declared.classes, ["rose", "lily"]);
}

#[test]
fn duplicate_declarations_are_refused() {
    says(
        classes(&Csv::new().classes(["rose", "lily", "rose"]), FLOWERS),
        &[
            "t.csv: expected the classes to be declared once each, but found `rose` twice; declare it once",
        ],
    );

    let csv = Csv::new().one_hot("b", ["1", "2", "2"]);
    says(
        values(&csv, "y,a,b\n1,2,1\n"),
        &[
            "t.csv: expected the categories of `b` to be declared once each, but found `2` twice; declare it once",
        ],
    );

    let csv = Csv::new().one_hot("b", ["1"]).one_hot("b", ["2"]);
    says(
        values(&csv, "y,a,b\n1,2,1\n"),
        &[
            "t.csv: expected the columns with categories to be declared once each, but found `b` twice; declare it once",
        ],
    );
}

#[test]
fn classes_that_are_numbers_are_sorted_as_numbers() {
    let text = "kind,a,b\n9,0,0\n10,0,0\n-1,0,0\n";
    let table: CsvClasses<2, 3> = Csv::new()
        .read_classes_from("", text.as_bytes(), "kind")
        .expect("a table");
    assert_eq!(
        (&table.classes[..], indices(&table.labels)),
        (&["-1", "9", "10"].map(String::from)[..], vec![1, 2, 0])
    );
}

#[test]
fn classes_that_are_long_numbers_are_sorted_as_numbers() {
    let names = [
        "-200000000000000000000",
        "-99999999999999999999",
        "-8",
        "-007",
        "0",
        "+5",
        "12",
        "99999999999999999999",
        "100000000000000000000",
    ];
    let text = format!("kind,a\n{},0\n", names.join(",0\n"));
    let sorted: CsvClasses<1, 9> = Csv::new()
        .read_classes_from("", text.as_bytes(), "kind")
        .expect("a table");
    assert_eq!(sorted.classes, names);
}

#[test]
fn names_of_one_number_have_one_order() {
    for text in ["kind,a,b\n1,0,0\n01,0,0\n", "kind,a,b\n01,0,0\n1,0,0\n"] {
        let table: CsvClasses<2, 2> = Csv::new()
            .read_classes_from("", text.as_bytes(), "kind")
            .expect("a table");
        assert_eq!(table.classes, ["01", "1"]);
    }
}

#[test]
fn columns_are_chosen_by_name_and_in_order() {
    let text = "y;c;b;a\n1;2;3;4\n";
    let csv = Csv::new().delimiter(b';').features(["a", "c"]);
    let table = values(&csv, text).expect("a table");
    assert_eq!(
        (table.x[0].as_slice(), table.targets[0][0]),
        (&[4.0, 2.0][..], 1.0)
    );
    assert_eq!(table.columns, ["a", "c"]);
    let table: CsvValues<2, 2, f64> = csv
        .read_values_from("", text.as_bytes(), ["b", "y"])
        .expect("a table");
    assert_eq!(table.targets[0].as_slice(), [3.0, 1.0]);
    let table: CsvValues<4, 0> = Csv::new()
        .delimiter(b';')
        .read_values_from("", text.as_bytes(), [])
        .expect("a table");
    assert_eq!(table.x[0].as_slice(), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn files_without_names_get_them() {
    let table = values(&Csv::new().columns(["y", "a", "b"]), "1,2,3\n4,5,6\n").expect("a table");
    assert_eq!((table.x.len(), table.targets[1][0]), (2, 4.0));
}

#[test]
fn texts_of_other_programs_are_read() {
    let text = "\u{feff}\"y\",\"a\",\"b\"\r\n\r\n1,\"2\",3\r\n4,5,6";
    let table = values(&Csv::new(), text).expect("a table");
    assert_eq!(table.targets, [1.0, 4.0].map(|y| Tensor1::from([y])));
}

#[test]
fn missing_values_are_nan() {
    let table = values(&Csv::new(), "y,a,b\n1,,NA\n2,?,NaN\n").expect("a table");
    assert!(Tensor::flatten(&table.x).iter().all(|x| x.is_nan()) && table.x.len() == 2);
    let csv = Csv::new().missing(["-"]);
    assert!(values(&csv, "y,a,b\n1,-,2\n").expect("a table").x[0][0].is_nan());
    let csv = csv.classes(["p", "q"]);
    says(
        values(&csv, "y,a,b\n1,NA,2\n"),
        &[
            "t.csv: line 2, column `a`: expected a number, but found `NA`; correct it, or declare it with `missing` or `one_hot`",
        ],
    );
}

#[test]
fn nan_is_missing_as_declared_and_no_number_otherwise() {
    let advice = "correct it, or declare it with `missing` or `one_hot`";
    let wrong = |found| {
        format!("t.csv: line 2, column `a`: expected a number, but found `{found}`; {advice}")
    };
    // By default, NaN is missing as pandas writes it and as Python prints it.
    for text in ["NaN", "nan", "-NaN", "-nan"] {
        let table = format!("y,a,b\n1,{text},2\n");
        assert!(values(&Csv::new(), &table).expect(text).x[0][0].is_nan());
        let csv = Csv::new().missing(["-"]);
        says(values(&csv, &table), &[&wrong(text)]);
        let csv = Csv::new().missing(["-", text]);
        assert!(values(&csv, &table).expect(text).x[0][0].is_nan());
    }
    for text in ["NAN", "Nan", "+nan"] {
        let table = format!("y,a,b\n1,{text},2\n");
        says(values(&Csv::new(), &table), &[&wrong(text)]);
    }

    // Among categories, it is a name like any other.
    let csv = Csv::new().missing(["-"]).one_hot("b", ["low"]);
    says(
        values(&csv, "y,a,b\n1,2,nan\n"),
        &[
            "t.csv: line 2, column `b`: expected one of the categories `low`, but found `nan`; correct it, or declare it with `one_hot`",
        ],
    );
    // A target is never missing.
    assert!(values(&Csv::new(), "y,a,b\nnan,1,2\n").is_err());
    let text = "a,b,kind\n1,2,rose\n3,4,nan\n";
    says(
        classes(&Csv::new(), text),
        &[
            "t.csv: line 3, column `kind`: expected the name of a class, but found `nan`; leave out lines without one",
        ],
    );
    let declared = classes(&Csv::new().classes(["rose", "nan"]), text).expect("a table");
    assert_eq!(indices(&declared.labels), [0, 1]);
}

#[test]
fn categories_become_features() {
    let csv = Csv::new()
        .one_hot("b", ["low", "high"])
        .features(["b", "a"]);
    let table: CsvValues<3, 1> = csv
        .read_values_from("t.csv", &b"y,a,b\n1,2,high\n1,3, low \n1,4,?\n"[..], ["y"])
        .expect("a table");
    assert_eq!(table.columns, ["b=low", "b=high", "a"]);

    let bits = |x: &Tensor1<3>| {
        x.iter()
            .map(|x| if x.is_nan() { -1.0 } else { *x })
            .collect::<Vec<_>>()
    };
    let rows: Vec<_> = table.x.iter().map(bits).collect();
    assert_eq!(rows, [[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [-1.0, -1.0, 4.0]]);

    // A declared category is not a missing value: `NA` may be North America.
    let csv_of_names = Csv::new().one_hot("b", ["NA", "NaN"]);
    let table: CsvValues<3, 1> = csv_of_names
        .read_values_from("t.csv", &b"y,a,b\n1,2,NA\n1,NA,NaN\n1,4,\n"[..], ["y"])
        .expect("a table");
    let rows: Vec<_> = table.x.iter().map(bits).collect();
    assert_eq!(rows, [[2.0, 1.0, 0.0], [-1.0, 0.0, 1.0], [4.0, -1.0, -1.0]]);

    // A value that is no category is reported once, with the categories.
    let read = |csv: &Csv, text: &str| -> Result<CsvValues<3, 1>, ReadErrors> {
        csv.read_values_from("t.csv", text.as_bytes(), ["y"])
    };
    says(
        read(&csv, "y,a,b\n1,2,middle\n1,x,High\n"),
        &[
            "t.csv: line 2, column `b`: expected one of the categories `low`, `high`, but found `middle` and 1 more field of this column; correct it, or declare it with `one_hot`",
            "t.csv: line 3, column `a`: expected a number, but found `x`; correct it, or declare it with `missing` or `one_hot`",
        ],
    );

    let error =
        read(&csv.clone().one_hot("c", ["x"]), "y,a,b\n1,2,low\n").expect_err("no column `c`");
    assert!(
        error
            .to_string()
            .contains("expected a column with the name `c`"),
        "{error}"
    );

    // The size of the tensor counts all categories, also in the order of the file.
    let csv = Csv::new().one_hot("b", ["low", "high"]);
    assert_eq!(
        read(&csv, "b,y,a\nhigh,1,2\n").expect("a table").x[0].as_slice(),
        [0.0, 1.0, 2.0]
    );

    let error = read(&csv, "y,a\n1,2\n").expect_err("no column `b`");
    assert_eq!(error.errors[0].kind, ReadErrorKind::Format);
    let error = values(&csv, "y,a,b\n1,2,low\n").expect_err("three features");
    assert!(
        error
            .to_string()
            .contains("found 3: `a`, `b=low`, `b=high`"),
        "{error}"
    );
}

#[test]
fn malformed_features_are_reported_once_for_each_column() {
    let text = "y,a,b\n1,two,3\n1,1e99,inf\n\n1,2,3\n1,\"x\ny\",4\n1,5,6 7\n";
    let advice = "correct it, or declare it with `missing` or `one_hot`";
    let line = |line, column, found| {
        format!(
            "t.csv: line {line}, column `{column}`: expected a number, but found {found}; {advice}"
        )
    };
    let lines = [
        line(2, "a", "`two` and 2 more fields of this column"),
        line(3, "b", "`inf` and 1 more field of this column"),
    ];

    says(
        values(&Csv::new(), text),
        &lines.each_ref().map(String::as_str),
    );

    let error = values(&Csv::new(), text).expect_err("malformed");
    assert_eq!(error.errors[0].kind, ReadErrorKind::Value);
    assert_eq!(
        error.errors[0].place,
        Place::Cell {
            line: 2,
            column: "a".into()
        }
    );

    let long =
        values(&Csv::new(), format!("y,a,b\n1,2,{}\n", "ü".repeat(1000))).expect_err("malformed");
    assert_eq!(&*long.errors[0].found, format!("`{}..`", "ü".repeat(40)));
}

#[test]
fn lines_are_counted_as_editors_do() {
    let text = "y,a,b\n\n\n1,x,3\n1,2,3\n1,2,\"\n\nz\"\n\n,2,3";
    for end in ["\n", "\r\n", "\r"] {
        for start in ["", "\u{feff}"] {
            let text = format!("{start}{}", text.replace('\n', end));
            let error = values(&Csv::new(), text).expect_err("malformed");
            let line = |error: &ReadError| match error.place {
                Place::Cell { line, .. } => line,
                _ => panic!("{error}"),
            };

            assert_eq!(
                error.errors.iter().map(line).collect::<Vec<_>>(),
                [4, 6, 10],
                "{end:?} {start:?}"
            );
        }
    }

    // A file that is larger than the reader's buffer.
    let text = format!("y,a,b\r\n{}1,x,3\r\n", "1,2,3\r\n".repeat(5000));
    let error = values(&Csv::new(), text).expect_err("malformed");
    assert_eq!(
        error.errors[0].place,
        Place::Cell {
            line: 5002,
            column: "a".into()
        }
    );

    let csv = Csv::new().columns(["y", "a", "b"]);
    let error = values(&csv, "\u{feff}1,x,3\n").expect_err("malformed");
    assert_eq!(
        error.errors[0].place,
        Place::Cell {
            line: 1,
            column: "a".into()
        }
    );
}

#[test]
fn malformed_targets_are_reported() {
    let advice = "correct it, or leave out the line";
    says(
        values(&Csv::new(), "y,a,b\n,1,2\nhigh,1,2\n"),
        &[&format!(
            "t.csv: line 2, column `y`: expected a number, but found `` and 1 more field of \
                 this column; {advice}"
        )],
    );

    says(
        classes(&Csv::new(), &format!("{FLOWERS}1,2,?\n")),
        &[
            "t.csv: line 5, column `kind`: expected the name of a class, but found `?`; leave out lines without one",
        ],
    );

    says(
        classes(&Csv::new().classes(["rose", "tulip"]), FLOWERS),
        &[
            "t.csv: line 3, column `kind`: expected one of the classes `rose`, `tulip`, but found `lily`; \
           correct it, or declare it with `classes`",
        ],
    );
}

#[test]
fn a_number_that_means_missing_is_no_target() {
    let text = "y,a,b\n1,-999,2\n-999,1,2\n";
    let table = values(&Csv::new().missing(["-9"]), text).expect("other numbers");
    assert_eq!((table.x[0][0], table.targets[1][0]), (-999.0, -999.0));
    says(
        values(&Csv::new().missing(["-999"]), text),
        &[
            "t.csv: line 3, column `y`: expected a number that is not missing, but found `-999`; leave out the line",
        ],
    );
}

#[test]
fn another_number_of_classes_is_refused() {
    let advice =
        "change the number of classes of the labels, or declare all of them with `classes`";

    says(
        classes(&Csv::new(), &format!("{FLOWERS}1,2,iris\n")),
        &[&format!(
            "t.csv: expected 2 classes in the column `kind`, but found 3: `iris`, `lily`, `rose`; {advice}"
        )],
    );

    says(
        classes(&Csv::new(), "a,b,kind\n"),
        &[&format!(
            "t.csv: expected 2 classes in the column `kind`, but found 0: none; {advice}"
        )],
    );

    assert_eq!(
        classes(&Csv::new().classes(["x", "y"]), "a,b,kind\n")
            .expect("no rows")
            .x
            .len(),
        0
    );
}

#[test]
fn lines_with_other_numbers_of_fields_are_reported() {
    let advice = "correct the line, or set the `delimiter`";
    says(
        values(&Csv::new(), "y,a,b\n1,2\n1,2,3\n1,2,3,4\n"),
        &[
            &format!(
                "t.csv: line 2: expected 3 fields, as many as there are columns, but found 2; {advice}"
            ),
            &format!(
                "t.csv: line 4: expected 3 fields, as many as there are columns, but found 4; {advice}"
            ),
        ],
    );
}

#[test]
fn columns_that_are_not_there_are_reported() {
    says(
        values(&Csv::new(), "x,a,b\n1,2,3\n"),
        &[
            "t.csv: line 1: expected a column with the name `y`, but found the columns `x`, `a`, `b`; \
           correct the name, or set the `delimiter`",
        ],
    );
    says(
        values(&Csv::new().features(["a", "a b"]), "y,a,b\n1,2,3\n"),
        &[
            "t.csv: line 1: expected a column with the name `a b`, but found the columns `y`, `a`, `b`; \
           correct the name, or set the `delimiter`",
        ],
    );

    says(
        values(&Csv::new(), "y,y,b\n1,2,3\n"),
        &[
            "t.csv: line 1: expected one column with the name `y`, but found columns 1 and 2 of that name; \
           give each column a name of its own",
        ],
    );
    says(
        values(&Csv::new().features(["b", "a"]), "a,y,b,a,a\n1,2,3,4,5\n"),
        &[
            "t.csv: line 1: expected one column with the name `a`, but found columns 1 and 4 of that name; \
           give each column a name of its own",
        ],
    );
    says(
        values(&Csv::new().one_hot("a", ["u", "v"]), "a,y,a\nu,2,v\n"),
        &[
            "t.csv: line 1: expected one column with the name `a`, but found columns 1 and 3 of that name; \
           give each column a name of its own",
        ],
    );

    for (csv, what, name) in [
        (Csv::new().columns(["a", "y", "a"]), "columns", "a"),
        (Csv::new().features(["b", "b"]), "features", "b"),
    ] {
        says(
            values(&csv, "a,y,b\n1,2,3\n"),
            &[&format!(
                "t.csv: expected the {what} to be declared once each, but found `{name}` twice; \
                 declare it once"
            )],
        );
    }

    says(
        values(&Csv::new(), "y,a,b,c\n1,2,3,4\n"),
        &[
            "t.csv: expected 2 columns of features, but found 3: `a`, `b`, `c`; \
           change the size of the tensors, or choose columns with `features`",
        ],
    );

    says(
        values(&Csv::new(), ""),
        &[
            "t.csv: line 1: expected the names of the columns, but found an empty file; check that this is the right file",
        ],
    );
}

#[test]
fn other_encodings_are_reported() {
    let advice = "save the file as UTF-8";

    says(
        values(&Csv::new(), b"y,a,b\n1,2\xff,3\n1,2,3\n1,2,\xfc\n"),
        &[
            &format!(
                "t.csv: line 2, column `a`: expected text in UTF-8, but found other bytes from byte 1 of the field; {advice}"
            ),
            &format!(
                "t.csv: line 4, column `b`: expected text in UTF-8, but found other bytes from byte 0 of the field; {advice}"
            ),
        ],
    );

    says(
        values(&Csv::new(), b"y,\xff,b\n1,2,3\n"),
        &[&format!(
            "t.csv: line 1: expected text in UTF-8, but found other bytes from byte 0 of the field; {advice}"
        )],
    );

    // The halves of a letter in two fields, in a line with quotes and in one without.
    for one in ["\"1\"", "1"] {
        let line = [one.as_bytes(), b",\xc3,\xa9\n"].concat();
        says(
            values(&Csv::new(), [b"y,a,b\n", &line[..]].concat()),
            &[&format!(
                "t.csv: line 2, column `a`: expected text in UTF-8, but found other bytes from byte 0 of the field; {advice}"
            )],
        );
    }
}

#[test]
fn quotes_that_are_not_closed_are_reported_where_they_open() {
    let advice = "close it, write it twice if it is text, or read the file with `quotes(false)`";
    let open = |line| {
        format!(
            "t.csv: line {line}: expected a quote that closes the one that opens a field in this line, but found the \
             end of the file; {advice}"
        )
    };

    let csv = Csv::new().features(["a", "b"]);
    says(
        values(&csv, "y,a,b,comment\n1,2,3,ok\n2,3,4,\"oops\n3,4,5,fine\n"),
        &[&open(3)],
    );
    says(values(&csv, "y,a,b,comment\n1,2,3,\"ok\n"), &[&open(2)]);
    says(values(&csv, "y,a,b,comment\n1,2,3,\"ok"), &[&open(2)]);
    says(values(&csv, "y,a,b,\"comment\n1,2,3,ok\n"), &[&open(1)]);
    says(values(&csv, "y,a,b,c\n1,2,3,\"\n\n\"\"\n"), &[&open(2)]);

    // A later quote closes it, before text that is an error there. The lines after that are read
    // again.
    let text = "y,a,b,comment\n1,2,3,\"oops\n1,2,3,\"fine\"\n1,x,3,ok\n";
    let stray = "write a quote that is text twice, close one that was left open, or read the file with `quotes(false)` \
                 if quotes are text in it";
    says(
        values(&csv, text),
        &[
            &format!(
                "t.csv: line 2: expected the end of the field after its closing quote, but found `fine\"` in line 3; {stray}"
            ),
            "t.csv: line 4, column `a`: expected a number, but found `x`; correct it, or declare it with `missing` or `one_hot`",
        ],
    );
}

#[test]
fn text_after_a_closing_quote_is_reported() {
    let stray = "write a quote that is text twice, close one that was left open, or read the file with `quotes(false)` \
                 if quotes are text in it";
    let after = |line, found| {
        format!(
            "t.csv: line {line}: expected the end of the field after its closing quote, but found `{found}`; {stray}"
        )
    };
    let text = "y,a,b\n1,\"2\"3,4\n1,2,3\n1,\"2\" \"3\",4\n1,\"5\" pipe\",4\n";
    says(
        values(&Csv::new(), text),
        &[
            &after(2, "3,4"),
            &after(4, "\"3\",4"),
            &after(5, "pipe\",4"),
        ],
    );
}

#[test]
fn quotes_that_do_not_begin_a_field_are_text() {
    let text = "size,a \"b\" c,kind\n1,2,5\" pipe\n3,4,\"5\"\" \"\n5,6,6\"\"x\n";
    let csv = Csv::new().classes(["5\" pipe", "5\"", "6\"\"x"]);
    let table: CsvClasses<2, 3> = csv
        .read_classes_from("t.csv", text.as_bytes(), "kind")
        .expect("a table");
    assert_eq!(indices(&table.labels), [0, 1, 2]);
    assert_eq!(table.columns, ["size", "a \"b\" c"]);

    // But a quote is not a part of a number.
    says(
        values(&Csv::new(), "y,a,b\n1,2\",3\n"),
        &[
            "t.csv: line 2, column `a`: expected a number, but found `2\"`; correct it, or declare it with \
           `missing` or `one_hot`",
        ],
    );

    // If quotes have no meaning, those at the beginning are text as well.
    let csv = Csv::new().quotes(false);
    let table: CsvClasses<1, 2> = csv
        .read_classes_from("t.csv", &b"a,kind\n1,5\" pipe\n2,\"x\n"[..], "kind")
        .expect("a table");
    assert_eq!(table.classes, ["\"x", "5\" pipe"]);
}

/// Returns one column of a table with three, as text.
fn column(text: &str, name: &str, fields: &[String]) -> Result<Vec<String>, ReadErrors> {
    let mut classes = fields.to_vec();
    classes.sort();
    classes.dedup();
    classes.extend((classes.len()..8).map(|i| format!("not there {i}")));

    let csv = Csv::new().columns(["a", "b", "c"]).classes(classes);
    let csv = csv.features([""; 0]).missing([""; 0]);
    let table: CsvClasses<0, 8> = csv.read_classes_from("t.csv", text.as_bytes(), name)?;
    let field = |label: &Label<8>| table.classes[label.index()].clone();
    Ok(table.labels.iter().map(field).collect())
}

#[test]
fn quotes_are_read_as_python_reads_them() {
    for case in cases("csv.json") {
        let source = text(&case, "text");
        let Some(rows) = case["fields"].as_array() else {
            let csv = Csv::new().columns(["a", "b", "c"]).features([""; 0]);
            let read = csv.read_values_from::<0, 0, f32>("t.csv", source.as_bytes(), []);
            let error = &read.expect_err(source).errors[0];
            let expected = match text(&case, "mistake") {
                "open" => "a quote that closes the one that opens a field in this line",
                _ => "the end of the field after its closing quote",
            };
            let line = case["line"].as_u64().expect("a line");
            assert_eq!(
                (&error.place, &*error.expected),
                (&Place::Line(line), expected),
                "{source:?}"
            );
            continue;
        };

        for (index, name) in ["a", "b", "c"].into_iter().enumerate() {
            let fields: Vec<String> = rows
                .iter()
                .map(|row| row[index].as_str().expect("a field").to_owned())
                .collect();
            let found = column(source, name, &fields).expect(source);
            assert_eq!(found, fields, "{source:?}");
        }
    }
}

#[test]
fn blanks_around_quotes_do_not_count() {
    let text =
        "a, \"b\" ,kind\n1, \"2\", \"ro\"\"se, red\"\n3,\t\" 4 \" ,\"lily\n of the valley\" \n";

    for end in ["\n", "\r\n"] {
        let table = classes(&Csv::new(), &text.replace('\n', end)).expect("a table");
        assert_eq!(table.x, [[1.0, 2.0], [3.0, 4.0]].map(Tensor1::from));
        assert_eq!(
            table.classes,
            [format!("lily{end} of the valley"), "ro\"se, red".into()]
        );
        assert_eq!(table.columns, ["a", "b"]);
    }

    // The delimiter is not a blank.
    let csv = Csv::new().delimiter(b'\t');
    let table =
        values(&csv, "y\ta\tb\n1\t \"2\" \t\n\t\t\n").expect_err("a target that is missing");
    assert_eq!(
        table.errors[0].place,
        Place::Cell {
            line: 3,
            column: "y".into()
        }
    );
}

#[test]
fn lines_of_every_kind_are_read() {
    let numbers = |text: &str| {
        let table = values(&Csv::new(), text).expect(text);
        table
            .x
            .iter()
            .zip(&table.targets)
            .map(|(x, y)| [y[0], x[0], x[1]])
            .collect::<Vec<_>>()
    };

    let expected = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    for text in [
        "y,a,b\n1,2,3\n4,5,6",
        "\n\ny,a,b\r\n1,2,3\r\n\r\n4,5,6\r\n",
        "y,a,b\r1,2,3\r\r4,5,6\r",
        "y,a,b\n  \n1,2,3\n\t\n4,5,6\n \n",
        "\u{feff}y,a,b\n1,2,3\r4,5,6\r\n",
        "\u{feff}\"y\",\"a\",\"b\"\n\"1\",\"2\",\"3\"\n\"4\",\"5\",\"6\"",
    ] {
        assert_eq!(numbers(text), expected, "{text:?}");
    }

    // In a table with one column, an empty field in quotes is a row, and an empty line is not.
    let one: CsvValues<1, 0> = Csv::new()
        .read_values_from("", &b"a\n1\n\n\"\"\n2\n"[..], [])
        .expect("a table");
    assert_eq!((one.x.len(), one.x[1][0].is_nan()), (3, true));

    // Two columns with one name can both be features, but neither can be chosen by name.
    let table = values(&Csv::new(), "y,a,a\n1,2,3\n").expect("a table");
    assert_eq!(
        (table.x[0].as_slice(), &table.columns[..]),
        (&[2.0, 3.0][..], &["a", "a"].map(String::from)[..])
    );
    assert!(values(&Csv::new().features(["a", "a"]), "y,a,a\n1,2,3\n").is_err());
}

#[test]
fn files_that_are_not_text_are_reported() {
    let utf_16 = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<_>>()
    };

    says(
        values(&Csv::new(), utf_16("\u{feff}y,a,b\n1,2,3\n")),
        &[
            "t.csv: line 1: expected text in UTF-8, but found text in UTF-16; save the file as UTF-8",
        ],
    );

    let zero =
        "expected text, but found a byte of 0; save the file as UTF-8; in UTF-16, many bytes are 0";
    says(
        values(&Csv::new(), utf_16("y,a,b\n1,2,3\n")),
        &[&format!("t.csv: line 1: {zero}")],
    );
    says(
        values(&Csv::new(), "y,a,b\n1,2,3\n1,\0,3\n"),
        &[&format!("t.csv: line 3: {zero}")],
    );
}

/// They are refused before anything is read, not even a file that ends at once.
#[test]
fn delimiters_that_are_none_are_refused() {
    for (delimiter, found) in [
        (b'"', r#"'"'"#),
        (b'\n', r"'\n'"),
        (b'\r', r"'\r'"),
        (0, r"'\0'"),
        (0x80, r"'\u{80}'"),
        (0xe9, "'é'"),
        (0xff, "'ÿ'"),
    ] {
        for text in ["y,a,b\n1,2,3\n", ""] {
            let error = format!(
                "t.csv: expected a delimiter that is a character of ASCII, no quote and no end of a line, but found \
                 the delimiter {found}; set the `delimiter` that the file has"
            );
            let csv = Csv::new().delimiter(delimiter);
            says(values(&csv, text), &[&error]);
            let error = csv.read_classes_from::<2, 2, f32>("t.csv", text.as_bytes(), "y");
            assert_eq!(
                error.expect_err("no delimiter").errors[0].kind,
                ReadErrorKind::Value
            );
        }
    }
}

/// Text that is generated while it is read.
struct Repeated {
    start: &'static [u8],
    byte: u8,
    left: usize,
}

impl std::io::Read for Repeated {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !self.start.is_empty() {
            return self.start.read(buffer);
        }
        let count = buffer.len().min(self.left);
        buffer[..count].fill(self.byte);
        self.left -= count;
        Ok(count)
    }
}

#[test]
fn lines_without_end_are_refused_before_they_fill_the_memory() {
    let limits = Limits::new().max_bytes(1 << 20);

    let of = |start: &'static str, byte, left| {
        let source = Repeated {
            start: start.as_bytes(),
            byte,
            left,
        };

        let read = || Csv::new().read_values_from::<2, 1, f32>("t.csv", source, ["y"]);
        let error = limits.within(read).expect_err("a line without end");
        let error = error.errors.into_iter().next().expect("an error");
        assert_eq!(error.kind, ReadErrorKind::Limit, "{error}");
        error
    };

    // There are more bytes than a machine has, so the end of the line is not searched for.
    assert_eq!(of("", b',', usize::MAX).place, Place::Line(1));
    assert_eq!(of("y,a,b\n1,2,", b'3', usize::MAX).place, Place::Line(2));
    of("y,a,b\n1,2,\"", b'3', usize::MAX);
    of("y,a,b\n1,2,\"", b'\n', usize::MAX);

    // A line of few bytes with many fields.
    let text = of("", b',', 20_000).to_string();
    let expected = "t.csv: line 1: expected at most 1048576 bytes of memory to be needed for a file, but found a line of \
                    20000 fields; if you trust the file, read it within `Limits::new().max_bytes(..).within(..)`";
    assert_eq!(text, expected);

    // A limit that the program sets also holds for all rows together.
    let rows = format!("y,a,b\n{}", "1,2,3\n".repeat(1000));
    let few = Limits::new().max_bytes(5000);
    assert_eq!(
        few.within(|| values(&Csv::new(), &rows))
            .expect_err("too many")
            .errors[0]
            .kind,
        ReadErrorKind::Limit
    );

    assert_eq!(
        limits
            .within(|| values(&Csv::new(), &rows))
            .expect("few enough")
            .x
            .len(),
        1000
    );
}

#[test]
fn tables_of_very_many_columns_are_read() {
    let names: Vec<String> = (0..100_000).map(|column| format!("c{column}")).collect();
    let row: Vec<String> = (0..100_000).map(|column| column.to_string()).collect();
    let text = format!("{}\n{}\n", names.join(","), row.join(","));
    let csv = Csv::new().features(["c99999", "c5"]);
    let table: CsvValues<2, 1> = csv
        .read_values_from("", text.as_bytes(), ["c7"])
        .expect("a table");
    assert_eq!(
        (table.x[0].as_slice(), table.targets[0][0]),
        (&[99_999.0, 5.0][..], 7.0)
    );
}

#[test]
fn errors_stop_at_the_bound() {
    // Each column of 150 has mistakes.
    let names: Vec<String> = (0..150).map(|column| format!("c{column}")).collect();
    let row = vec!["x"; 150].join(",");
    let text = format!("y,{}\n1,{row}\n1,{row}\n", names.join(","));
    let read = |csv: &Csv| -> Result<CsvValues<150, 1>, ReadErrors> {
        csv.read_values_from("t.csv", text.as_bytes(), ["y"])
    };

    let error = read(&Csv::new()).expect_err("malformed");
    assert_eq!((error.errors.len(), error.more), (20, true));
    assert!(
        error
            .to_string()
            .ends_with("\nreading stopped here; there may be more mistakes")
    );
    let error = read(&Csv::new().most_errors(3)).expect_err("malformed");
    assert_eq!((error.errors.len(), error.more), (3, true));
    let error = read(&Csv::new().most_errors(0)).expect_err("malformed");
    assert_eq!(error.errors.len(), 1);
    let error = read(&Csv::new().most_errors(151)).expect_err("malformed");
    assert_eq!((error.errors.len(), error.more), (150, false));
}

#[test]
fn files_that_are_not_there_are_reported() {
    let read: Result<CsvValues<2, 1>, _> = Csv::new().read_values("no-such.csv", ["y"]);
    assert_eq!(read.expect_err("no file").errors[0].kind, ReadErrorKind::Io);
    let iris = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/iris.csv");
    let read: CsvClasses<4, 3> = Csv::new()
        .read_classes(iris, "species")
        .expect("the flowers");
    assert_eq!(
        (read.x.len(), &read.classes[..]),
        (
            150,
            &["setosa", "versicolor", "virginica"].map(String::from)[..]
        )
    );
    assert_eq!(
        (indices(&read.labels)[149], read.x[149].as_slice()),
        (2, &[5.9, 3.0, 5.1, 1.8][..])
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fields_are_those_of_the_usual_reader(
        rows in prop::collection::vec(prop::collection::vec("[a-c \",\r\n;é]{0,5}", 3), 1..5),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        always in any::<bool>(),
    ) {
        let quote = |field: &String| {
            // A quote that does not begin a field is text.
            let plain = !always && !field.contains([',', '\r', '\n']);
            let plain = plain && !field.trim_start().starts_with('"');
            if plain { field.clone() } else { format!("\"{}\"", field.replace('"', "\"\"")) }
        };
        let line = |row: &Vec<String>| row.iter().map(quote).collect::<Vec<_>>().join(",") + end;
        let text = format!("0,kind,0{end}{}", rows.iter().map(line).collect::<String>());
        let csv = Csv::new().features(Vec::<String>::new()).missing(Vec::<String>::new());

        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let usual: Vec<String> =
            reader.records().map(|record| record.expect("three fields")[1].to_owned()).collect();

        let mut names: Vec<String> = usual.clone();
        names.sort();
        names.dedup();
        names.extend((names.len()..9).map(|i| format!("not there {i}")));

        let read = csv.classes(names).read_classes_from::<0, 9, f32>("", text.as_bytes(), "kind");
        let table = read.expect("a table");
        let found: Vec<_> = table.labels.iter().map(|label| table.classes[label.index()].clone()).collect();
        prop_assert_eq!(found, usual);
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        start in prop::sample::select(vec!["", "y,a,b\n", "kind,a,b\n1,2,3\n", "\u{feff}\"y"]),
        rest in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b",\"\n\r0.9ay"[..])], 0..64),
    ) {
        let bytes = [start.as_bytes(), &rest].concat();
        let _ = values(&Csv::new(), &bytes);
        let _: Result<CsvClasses<2, 2>, _> = Csv::new().read_classes_from("", &bytes[..], "kind");
    }

    #[test]
    fn written_values_are_read_back(numbers in prop::collection::vec(any::<[f32; 3]>(), 0..20)) {
        prop_assume!(numbers.iter().flatten().all(|x| x.is_finite()));
        let text: String = numbers.iter().map(|[y, a, b]| format!("{y:?},{a:e},{b}\n")).collect();
        let table = values(&Csv::new(), format!("y,a,b\n{text}")).expect("a table");
        prop_assert_eq!(table.x, numbers.iter().map(|&[_, a, b]| Tensor1::from([a, b])).collect::<Vec<_>>());
        prop_assert_eq!(table.targets, numbers.iter().map(|&[y, ..]| Tensor1::from([y])).collect::<Vec<_>>());
    }
}
