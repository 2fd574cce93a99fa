//! Pictures: their format, their size, and the positions of what they show.
#![cfg(feature = "plots")]

use std::fs;
use std::path::Path;

use crate::common::folder;
use proptest::prelude::*;
use shapewright::metrics::ConfusionMatrix;
use shapewright::plots::{Caption, Chart, ImageGrid, PlotError};
use shapewright::prelude::*;
use shapewright::train::{Epoch, History};

const BLUE: [u8; 3] = [0, 114, 178];
const VERMILLION: [u8; 3] = [213, 94, 0];
const GREEN: [u8; 3] = [0, 158, 115];
const INK: [u8; 3] = [40, 40, 40];
const WHITE: [u8; 3] = [255; 3];

/// A PNG file, decoded.
struct Picture {
    width: usize,
    height: usize,
    bytes: Vec<u8>,
}

impl Picture {
    fn read(path: &Path) -> Picture {
        let file = std::io::BufReader::new(fs::File::open(path).expect("a file"));
        let mut reader = png::Decoder::new(file).read_info().expect("a PNG");
        assert_eq!(
            (reader.info().color_type, reader.info().bit_depth),
            (png::ColorType::Rgb, png::BitDepth::Eight)
        );
        let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut bytes).expect("pixels");
        Picture {
            width: info.width as usize,
            height: info.height as usize,
            bytes,
        }
    }

    fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        self.bytes[3 * (y * self.width + x)..][..3]
            .try_into()
            .expect("three bytes")
    }

    /// Returns which of these rows have a colour in a column.
    fn rows(&self, x: usize, rows: core::ops::Range<usize>, colour: [u8; 3]) -> Vec<usize> {
        rows.filter(|&y| self.pixel(x, y) == colour).collect()
    }

    /// Returns the columns and rows of all pixels of a colour.
    fn all(&self, colour: [u8; 3]) -> Vec<(usize, usize)> {
        let places = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        places
            .filter(|&(x, y)| self.pixel(x, y) == colour)
            .collect()
    }
}

/// Returns a history with these training losses and nothing else.
fn history(losses: &[f64]) -> History {
    let epoch = |(i, &loss): (usize, &f64)| Epoch {
        epoch: i + 1,
        steps: i as u64,
        loss,
        validation_loss: None,
        metrics: Vec::new(),
        seconds: 1.0,
        waiting: 0.0,
    };
    History {
        epochs: losses.iter().enumerate().map(epoch).collect(),
        ..History::default()
    }
}

// The edges of the first panel's plot.
const LEFT: usize = 150;
const RIGHT: usize = 1550;
const TOP: usize = 20;
const BOTTOM: usize = 500;

fn column(epoch: usize, epochs: usize) -> usize {
    LEFT + (RIGHT - LEFT) * (epoch - 1) / (epochs - 1)
}

#[test]
fn a_falling_loss_falls() {
    let folder = folder("plots-falling");
    let path = folder.join("curve.png");
    let losses: Vec<f64> = (0..11).map(|i| 1.0 - f64::from(i) / 10.0).collect();

    history(&losses).draw(&path).expect("a picture");
    let picture = Picture::read(&path);
    assert_eq!((picture.width, picture.height), (1600, 600));

    let mut last = 0;
    // The legend is at the right.
    for (i, loss) in losses.iter().enumerate().take(8).skip(1) {
        // The axis goes from 0 to 1.05.
        let expected = BOTTOM as f64 - (BOTTOM - TOP) as f64 * loss / 1.05;
        let rows = picture.rows(column(i + 1, 11), TOP..BOTTOM, BLUE);
        assert!((2..=8).contains(&rows.len()), "epoch {}: {rows:?}", i + 1);
        assert!(
            rows.iter().all(|&row| (row as f64 - expected).abs() < 5.0),
            "{rows:?}, not {expected}"
        );

        assert!(rows[0] > last);
        last = rows[0];
    }

    assert!(picture.all(VERMILLION).is_empty() && picture.all(GREEN).is_empty());

    // The numbers at the axes and the names of the axes.
    let ink = picture.all(INK);
    assert!(
        ink.iter().any(|&(x, y)| x < LEFT - 60 && y < BOTTOM)
            && ink.iter().any(|&(_, y)| y > BOTTOM + 40)
    );

    assert_eq!(
        fs::read_dir(&folder).expect("a folder").count(),
        1,
        "nothing is left beside the file"
    );
}

#[test]
fn validation_metrics_and_the_restored_epoch_are_drawn() {
    let path = folder("plots-metrics").join("curve.PNG");
    let mut history = history(&[1.0; 11]);
    for (i, epoch) in history.epochs.iter_mut().enumerate() {
        epoch.validation_loss = Some(2.0);
        epoch.metrics = vec![("accuracy".to_owned(), i as f64 / 10.0)];
    }

    history.restored = Some(4);
    history.draw(&path).expect("a picture");
    let picture = Picture::read(&path);
    assert_eq!((picture.width, picture.height), (1600, 1200));

    let at = column(6, 11);
    // From 0.95 to 2.05.
    let row = |value: f64| BOTTOM as f64 - (BOTTOM - TOP) as f64 * (value - 0.95) / 1.1;
    for (colour, value) in [(BLUE, 1.0), (VERMILLION, 2.0)] {
        let rows = picture.rows(at, TOP..BOTTOM, colour);
        assert!(
            !rows.is_empty() && rows.iter().all(|&y| (y as f64 - row(value)).abs() < 4.0),
            "{rows:?}"
        );
    }

    let second = 600 + TOP..600 + BOTTOM;
    let rows = [3, 6, 9].map(|epoch| picture.rows(column(epoch, 11), second.clone(), GREEN)[0]);
    assert!(
        rows[0] > rows[1] && rows[1] > rows[2],
        "accuracy rises: {rows:?}"
    );

    for panel in [TOP..BOTTOM, second] {
        let dashes = picture.rows(column(4, 11), panel.clone(), INK).len();
        assert!((200..400).contains(&dashes), "{dashes}");
        assert!(picture.rows(column(5, 11), panel, INK).is_empty());
    }
}

#[test]
fn losses_that_are_not_finite_leave_gaps() {
    let path = folder("plots-gaps").join("curve.png");
    let mut losses = [1.0; 11];
    (losses[3], losses[5], losses[6]) = (f64::NAN, f64::INFINITY, f64::NEG_INFINITY);
    history(&losses).draw(&path).expect("a picture");
    let picture = Picture::read(&path);

    for (i, loss) in losses.iter().enumerate().take(9).skip(1) {
        // A line may end a pixel early, and its last pixel may be pale.
        let at = column(i + 1, 11);
        let drawn = (at - 3..=at + 3).any(|x| !picture.rows(x, TOP..BOTTOM, BLUE).is_empty());
        assert_eq!(drawn, loss.is_finite(), "epoch {}", i + 1);
    }

    // The fifth has no neighbours, so it is a dot; between the second and the third there is a
    // line.
    assert!(
        picture
            .rows((column(5, 11) + column(6, 11)) / 2, TOP..BOTTOM, BLUE)
            .is_empty()
    );
    assert!(
        !picture
            .rows((column(2, 11) + column(3, 11)) / 2, TOP..BOTTOM, BLUE)
            .is_empty()
    );
}

/// A trainer refuses metrics that share a name, but a history can be made by hand.
#[test]
fn metrics_that_share_a_name_are_curves_of_their_own() {
    let path = folder("plots-names").join("curve.svg");
    let mut history = history(&[1.0, 0.5]);
    let metric = |name: &str, value| (name.to_owned(), value);
    for (i, epoch) in history.epochs.iter_mut().enumerate() {
        epoch.metrics = vec![
            metric("F1", i as f64),
            metric("F1", 0.5),
            metric("loss", 0.25),
        ];
    }

    history.draw(&path).expect("a picture");
    let text = fs::read_to_string(&path).expect("text");

    for name in ["F1", "F1 2", "loss"] {
        assert!(text.contains(&format!(">\n{name}\n")), "{name}: {text}");
    }
    for colour in ["#009E73", "#CC79A7", "#E69F00"] {
        let curve = format!("stroke=\"{colour}\"");
        assert!(text.matches(&curve).count() >= 2, "{colour}: {text}");
    }
}

#[test]
fn an_svg_has_names_as_text() {
    let path = folder("plots-svg").join("curve.svg");
    let mut history = history(&[1.0, 0.5]);
    history.epochs[1].metrics = vec![("a<b & \"c\"\n".to_owned(), 0.5)];

    history.draw(&path).expect("a picture");
    let text = fs::read_to_string(&path).expect("text");

    assert!(
        text.starts_with("<svg width=\"1600\" height=\"1200\""),
        "{}",
        &text[..100]
    );
    assert!(text.trim_end().ends_with("</svg>"));
    assert!(
        text.contains("a&lt;b &amp; &quot;c&quot; \n") && text.contains(">\ntraining\n"),
        "{text}"
    );
    assert!(!text.contains("restored"));

    let count = |part| text.matches(part).count();
    assert_eq!(count("<text"), count("</text>"));
    assert!(text.contains("<polyline") && text.contains("#0072B2"));
}

#[test]
fn a_failed_drawing_leaves_no_file() {
    let folder = folder("plots-errors");
    let good = history(&[1.0, 0.5]);
    for name in ["curve.pdf", "curve", "png", "curve.png.gz"] {
        let error = good.draw(folder.join(name)).expect_err("no format");
        assert!(matches!(error, PlotError::Ending { .. }), "{error}");
        assert!(
            error
                .to_string()
                .ends_with("let its name end in .png or .svg"),
            "{error}"
        );
    }
    let old = folder.join("old.png");
    fs::write(&old, "old").expect("a file");
    for losses in [&[][..], &[f64::NAN, f64::INFINITY]] {
        let error = history(losses).draw(&old).expect_err("nothing");
        assert!(matches!(error, PlotError::Empty { .. }), "{error}");
        assert!(error.to_string().contains("nothing to draw"), "{error}");
    }
    let error = ConfusionMatrix::<3>::new().draw(&old).expect_err("nothing");
    assert!(matches!(error, PlotError::Empty { .. }), "{error}");
    let error = ImageGrid::new().save(&old).expect_err("nothing");
    assert!(matches!(error, PlotError::Empty { .. }), "{error}");
    assert_eq!(fs::read(&old).expect("a file"), b"old");

    let error = good
        .draw(folder.join("missing/curve.svg"))
        .expect_err("no folder");
    assert!(
        matches!(error, PlotError::Write { .. })
            && error.to_string().matches("curve.svg").count() == 1,
        "{error}"
    );
    // A folder that is not empty is in the place of the file.
    fs::create_dir_all(folder.join("taken.png/full")).expect("a folder");
    let error = good
        .draw(folder.join("taken.png"))
        .expect_err("a folder is there");
    assert!(matches!(error, PlotError::Write { .. }), "{error}");
    let names: Vec<_> = fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("one").file_name())
        .collect();
    assert_eq!(names.len(), 2, "only what was there is left: {names:?}");
}

#[test]
fn one_epoch_and_strange_numbers_of_epochs_are_drawn() {
    let path = folder("plots-one").join("curve.png");
    let mut one = history(&[0.25]);
    one.draw(&path).expect("a picture");
    // A dot in the middle.
    let middle = (LEFT + RIGHT) / 2;
    assert!(
        !Picture::read(&path)
            .rows(middle, TOP..BOTTOM, BLUE)
            .is_empty()
    );

    for epoch in [0, 1 << 31, usize::MAX] {
        one.epochs[0].epoch = epoch;
        one.restored = Some(epoch);
        one.draw(&path).expect("a picture");
    }

    let mut two = history(&[0.25, 0.5]);
    (two.epochs[0].epoch, two.epochs[1].epoch) = (usize::MAX, 3);
    two.draw(&path).expect("a picture");
}

/// Numbers of every size, and equal ones.
fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        Just(0.0),
        Just(f64::MIN_POSITIVE),
        Just(1.0),
        Just(1.0 + f64::EPSILON),
        (-300..300).prop_map(|exponent| 10f64.powi(exponent)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn every_history_is_drawn_or_an_error(
        losses in proptest::collection::vec(any_value(), 1..5),
        metric in any_value(),
    ) {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plots-any.svg");
        let mut history = history(&losses);
        history.epochs[0].metrics = vec![("metric".to_owned(), metric)];
        let drawable = losses.iter().any(|loss| loss.abs() <= 1e100);
        prop_assert_eq!(history.draw(&path).is_ok(), drawable);
        if drawable {
            let text = fs::read_to_string(&path).expect("text");
            prop_assert!(!text.contains("NaN") && !text.contains("inf"), "{}", text);
            // Numbers stand at both axes of both panels.
            prop_assert!(text.matches("<text").count() >= 8, "{}", text);
        }
    }
}

/// A band lies between its limits, also where a line crosses it, and ends where a point is missing.
#[test]
fn a_chart_has_lines_over_bands_with_gaps() {
    let folder = folder("plots_chart");
    let path = folder.join("chart.png");
    let x = || (0..=10).map(f64::from);
    let gap = |x: f64| if x == 5.0 { f64::NAN } else { 8.0 };
    Chart::new("x", "y")
        .band("band", x().map(|x| (x, 2.0, gap(x))))
        .line("line", x().map(|x| (x, 10.0 * (1.0 - x / 10.0))))
        .draw(&path)
        .expect("a picture");
    let picture = Picture::read(&path);
    assert_eq!((picture.width, picture.height), (1600, 700));

    // A quarter of blue on white, as in its rows over the numbers 2 and 7, but not over the gap.
    let pale = |x: f64| {
        let column = 150 + (x / 10.0 * 1400.0) as usize;
        let is_pale = |&y: &usize| {
            let [red, _, blue] = picture.pixel(column, y);
            (180..200).contains(&red) && blue > 230
        };
        (100..600).filter(is_pale).count()
    };
    assert!(
        pale(2.3) > 250 && pale(7.3) > 250,
        "{} {}",
        pale(2.3),
        pale(7.3)
    );
    assert_eq!(pale(5.0), 0);

    // The line falls, over the band.
    let line = picture.all(VERMILLION);
    let first = line
        .iter()
        .filter(|(x, y)| *x < 300 && *y > 30)
        .map(|&(_, y)| y)
        .max();
    let last = line
        .iter()
        .filter(|(x, _)| *x > 1400)
        .map(|&(_, y)| y)
        .max();
    assert!(first < last, "{first:?} {last:?}");

    let nothing = Chart::new("x", "y").line("line", [(0.0, f64::NAN)]);
    assert!(matches!(nothing.draw(&path), Err(PlotError::Empty { .. })));
}

/// Numbers that are too near each other for an axis between them.
#[test]
fn a_chart_of_numbers_that_are_nearly_equal() {
    let folder = folder("nearly-equal");
    for [first, last] in [
        [5e-324, 1e-323],
        [-1e-120, 1e-120],
        [1e-100, 1e-100],
        [7.0, 7.0],
    ] {
        Chart::new("x", "y")
            .line("line", [(first, 1.0), (last, 2.0)])
            .draw(folder.join("chart.svg"))
            .expect("a chart");
    }
}

#[test]
fn a_confusion_matrix_shows_shares_of_rows() {
    let folder = folder("plots-confusion");
    let path = folder.join("confusion.png");
    let counts = [[10, 0, 0], [0, 3, 1], [0, 0, 0]];
    let mut matrix = ConfusionMatrix::<3>::new();
    for (label, row) in counts.iter().enumerate() {
        for (prediction, &count) in row.iter().enumerate() {
            let class = |class| Label::new(class).expect("a class");
            (0..count).for_each(|_| matrix.add(class(prediction), class(label)));
        }
    }
    matrix.draw(&path).expect("a picture");
    let picture = Picture::read(&path);
    let &(x, y) = picture.all(BLUE).first().expect("the first cell is full");
    let mix = |share: f64| {
        [0, 1, 2].map(|i| (255.0 + share * (f64::from(BLUE[i]) - 255.0)).round() as u8)
    };
    for (row, shares) in [[1.0, 0.0, 0.0], [0.0, 0.75, 0.25], [0.0; 3]]
        .iter()
        .enumerate()
    {
        for (column, &share) in shares.iter().enumerate() {
            let x = x + 96 * column;
            let y = y + 96 * row;
            for at in [(x, y), (x + 95, y), (x, y + 95), (x + 95, y + 95)] {
                assert_eq!(
                    picture.pixel(at.0, at.1),
                    mix(share),
                    "row {row}, column {column}"
                );
            }
            // A number in the middle, dark on white and white on dark.
            let letters = if share > 0.5 { WHITE } else { INK };
            let middle = (x + 20..x + 76).flat_map(|x| (y + 20..y + 76).map(move |y| (x, y)));
            assert!(
                middle
                    .filter(|&(x, y)| picture.pixel(x, y) == letters)
                    .count()
                    > 10
            );
        }
    }
    assert_eq!(
        (picture.width, picture.height),
        (x + 3 * 96 + 24, y + 3 * 96 + 24)
    );

    // Long names take room, and stand upright over the columns.
    matrix
        .named(&["a", "a name that is long", "c"])
        .draw(&path)
        .expect("a picture");
    let named = Picture::read(&path);
    assert!(named.width > picture.width + 100 && named.height > picture.height + 100);
    matrix
        .named(&["a", "<b>", "c"])
        .draw(folder.join("x.svg"))
        .expect("a picture");
    let text = fs::read_to_string(folder.join("x.svg")).expect("text");
    assert!(
        [
            "14 samples, accuracy 92.86 %",
            "&lt;b&gt;",
            "predicted",
            "\n10\n"
        ]
        .iter()
        .all(|part| text.contains(part))
    );
}

#[test]
fn many_classes_have_small_cells() {
    let path = folder("plots-many").join("confusion.png");
    let mut matrix = ConfusionMatrix::<300>::new();
    for class in 0..300 {
        let label = Label::new(class).expect("a class");
        matrix.add(label, label);
    }
    matrix.draw(&path).expect("a picture");
    let picture = Picture::read(&path);
    assert_eq!(picture.all(BLUE).len(), 300 * 4 * 4);
    assert!(picture.width < 1400 && picture.height < 1400);
}

#[test]
fn a_grid_has_every_pixel() {
    let path = folder("plots-grid").join("grid.png");
    const SCALE: usize = 3;
    let grey = Tensor3::<12, 16, 1>::from_fn(|[row, column, _]| (row * 16 + column) as f32 / 191.0);
    let colours = Tensor3::<12, 16, 3, f64>::from_fn(|[row, column, channel]| {
        [row as f64 / 11.0, column as f64 / 15.0, 0.5][channel]
    });

    let mut grid = ImageGrid::new().columns(2).scale(SCALE);
    grid.add(&grey, Caption::right("7777"))
        .add(&colours, Caption::wrong("8888"))
        .add(&grey, "");
    assert_eq!(grid.len(), 3);
    grid.save(&path).expect("a picture");

    let picture = Picture::read(&path);
    let width = 16 * SCALE;
    let height = 12 * SCALE;
    let line = 4 + 19;
    assert_eq!(
        (picture.width, picture.height),
        (8 + 2 * (width + 8), 8 + 2 * (height + line + 8))
    );

    let byte = |x: f64| (x * 255.0).round() as u8;
    let mut painted = 0;
    for (left, top, colour) in [
        (8, 8, false),
        (8 + width + 8, 8, true),
        (8, 8 + height + line + 8, false),
    ] {
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let row = y / SCALE;
            let column = x / SCALE;
            let expected = if colour {
                [0, 1, 2].map(|channel| byte(colours[[row, column, channel]]))
            } else {
                [byte(f64::from(grey[[row, column, 0]])); 3]
            };
            assert_eq!(
                picture.pixel(left + x, top + y),
                expected,
                "{row}, {column}"
            );
            painted += 1;
        }
    }
    assert_eq!(painted, 3 * width * height);

    // Captions: green under the first, red under the second, centred; nothing under the third,
    // nothing elsewhere.
    for (colour, left) in [(GREEN, 8), (VERMILLION, 8 + width + 8)] {
        let places = picture.all(colour);
        assert!(!places.is_empty());
        let inside = |&(x, y): &(usize, usize)| {
            x.abs_diff(left + width / 2) < 20 && (8 + height..8 + height + line).contains(&y)
        };
        assert!(places.iter().all(inside), "{places:?}");
    }

    let rest = (8 + width + 8..picture.width)
        .flat_map(|x| (8 + height + line..picture.height).map(move |y| (x, y)));
    assert!(rest.into_iter().all(|(x, y)| picture.pixel(x, y) == WHITE));
}

#[test]
fn ranges_of_a_grid() {
    let path = folder("plots-ranges").join("grid.png");
    let values = [-2.0, 0.0, 2.0, 6.0, f32::NAN, f32::INFINITY];

    let draw = |grid: ImageGrid| {
        let mut grid = grid.scale(1);
        grid.add_slice(&values, [1, 6, 1], "").expect("an image");
        grid.add_slice(&[0.5; 6], [1, 2, 3], "").expect("an image");
        grid.save(&path).expect("a picture");
        let picture = Picture::read(&path);
        (
            [0, 1, 2, 3, 4, 5].map(|x| picture.pixel(8 + x, 8)),
            picture.pixel(8 + 6 + 8, 8),
        )
    };

    let grey = |byte| [byte; 3];
    let nan = [255, 0, 255];

    let (first, second) = draw(ImageGrid::new().range(-2.0, 2.0));
    assert_eq!(
        first,
        [grey(0), grey(128), grey(255), grey(255), nan, grey(255)]
    );
    assert_eq!(second, grey(159));

    let (first, second) = draw(ImageGrid::new().range_of_each());
    assert_eq!(
        first,
        [grey(0), grey(64), grey(128), grey(255), nan, grey(255)]
    );
    assert_eq!(second, grey(0), "an image of one value is black");

    // A range whose width is out of range itself.
    let (first, _) = draw(ImageGrid::new().range(f32::MIN, f32::MAX));
    assert_eq!(first[..4], [grey(128); 4]);

    let (first, _) = draw(ImageGrid::new());
    assert_eq!(first[..4], [grey(0), grey(0), grey(255), grey(255)]);
}

#[test]
fn titles_and_captions_have_room() {
    let path = folder("plots-room").join("grid.png");
    let image = Tensor3::<4, 4, 1>::zeros();

    let size = |title: &str, caption: &str| {
        let mut grid = ImageGrid::new().title(title).scale(1).columns(3);
        grid.add(&image, caption).add(&image, "");
        // A smaller image lies at the top left of its cell.
        grid.add_slice(&[0.0], [1, 1, 1], "").expect("an image");
        grid.save(&path).expect("a picture");
        let picture = Picture::read(&path);
        assert_eq!(picture.all([0; 3]).len(), 2 * 16 + 1);
        (picture.width, picture.height)
    };

    let bare = size("", "");
    assert_eq!(bare, (8 + 3 * (4 + 8), 8 + 4 + 8));

    let (width, height) = size("", "a long caption");
    assert!(width > bare.0 + 3 * 60 && height == bare.1 + 23);

    let (width, height) = size("a title that is longer than the images", "");
    assert!(width > 250 && height == bare.1 + 33);
}

#[test]
fn invalid_images_are_refused() {
    let path = folder("plots-refused").join("grid.png");
    let mut grid = ImageGrid::new();

    for (count, sizes) in [
        (5, [2, 3, 1]),
        (0, [0, 3, 1]),
        (12, [2, 3, 2]),
        (0, [usize::MAX, usize::MAX, 3]),
    ] {
        let error = grid
            .add_slice(&vec![0.0; count], sizes, "")
            .map(|_| ())
            .expect_err("no image");
        assert!(matches!(error, PlotError::Pixels { .. }), "{error}");
    }
    assert!(grid.is_empty());

    grid.add(&Tensor3::<2, 2, 1>::zeros(), "x");

    for (low, high) in [
        (1.0, 1.0),
        (2.0, 1.0),
        (f32::NAN, 1.0),
        (0.0, f32::INFINITY),
    ] {
        let error = grid
            .clone()
            .range(low, high)
            .save(&path)
            .expect_err("no range");
        assert!(matches!(error, PlotError::Range { .. }), "{error}");
    }

    for scale in [20_000, usize::MAX] {
        let error = grid
            .clone()
            .scale(scale)
            .save(&path)
            .expect_err("too large");
        assert!(matches!(error, PlotError::TooLarge { .. }), "{error}");
    }

    let error = grid
        .save(path.with_extension("svg"))
        .expect_err("pixels are no vectors");
    assert!(
        error.to_string().ends_with("let its name end in .png"),
        "{error}"
    );

    assert_eq!(
        fs::read_dir(path.parent().expect("a folder"))
            .expect("a folder")
            .count(),
        0
    );
}

/// Cells of 0 take neither time nor place in the file, and a picture that is too large is refused
/// before it is drawn.
#[test]
fn a_confusion_matrix_of_many_classes_and_few_samples() {
    const CLASSES: usize = 20_000;
    let class = |number| Label::<CLASSES>::new(number).expect("a class");
    let mut matrix = ConfusionMatrix::new();
    matrix.add(class(3), class(19_999));
    let folder = folder("plots-few-samples");
    let error = matrix
        .draw(folder.join("confusion.png"))
        .expect_err("too large");
    assert!(matches!(error, PlotError::TooLarge { .. }), "{error}");

    let class = |number| Label::<1000>::new(number).expect("a class");
    let mut matrix = ConfusionMatrix::new();
    matrix.add(class(3), class(999));
    let path = folder.join("confusion.svg");
    matrix.draw(&path).expect("a picture");
    let bytes = std::fs::metadata(&path).expect("a file").len();
    assert!(bytes < 500_000, "{bytes}");
}
