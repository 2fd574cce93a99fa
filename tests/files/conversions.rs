//! Tensors, labels and indices from what programs hold already, and back.

use shapewright::loss::Label;
use shapewright::nn::Index;

#[test]
fn labels_and_indices_come_from_whole_numbers_of_any_type() {
    assert_eq!(Label::<3>::try_from(2_u8).map(usize::from), Ok(2));
    assert_eq!(Label::<3>::try_from(2_i128), Label::new(2));
    assert_eq!(Label::<3>::try_from(1), Label::new(1));
    assert_eq!(Index::<3>::try_from(2_i64).map(usize::from), Ok(2));

    let error = Label::<3>::try_from(-1_i32).expect_err("no class");
    assert_eq!(
        error.to_string(),
        "label -1 is not one of 3 classes, which are 0 to 2"
    );
    let error = Index::<3>::try_from(3_u64).expect_err("no index");
    assert_eq!(
        error.to_string(),
        "index 3 is not one of 3 embeddings, which are 0 to 2"
    );
}

#[cfg(feature = "ndarray")]
mod ndarray {
    use ndarray::{Array, Array0, Array2, Array4, ArrayD, Axis, Ix1, IxDyn, Zip, array, s};
    use shapewright::prelude::*;
    use shapewright::tensor::ArrayShapeError;

    /// The numbers 0, 1, 2, .. in an array of this shape.
    fn counted(shape: &[usize]) -> ArrayD<f32> {
        let len = shape.iter().product::<usize>();
        let numbers = (0..len).map(|number| number as f32).collect();
        Array::from_shape_vec(IxDyn(shape), numbers).expect("as many numbers")
    }

    #[test]
    fn arrays_of_any_layout_are_copied() {
        let table = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let expected = Tensor2::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!(Tensor::try_from(&table), Ok(expected));
        assert_eq!(Tensor::try_from(table.view()), Ok(expected));
        assert_eq!(Tensor::try_from(table.clone()), Ok(expected));
        assert_eq!(Tensor::try_from(table.clone().into_dyn()), Ok(expected));
        assert_eq!(Tensor2::try_from(&table.t()), Ok(expected.transpose()));
        let sliced = table.slice(s![.., 1..; -1]);
        assert_eq!(
            Tensor2::try_from(&sliced),
            Ok(Tensor::from([[3.0, 2.0], [6.0, 5.0]]))
        );
        let fortran = table.t().as_standard_layout().reversed_axes().to_owned();
        assert!(!fortran.is_standard_layout());
        assert_eq!(Tensor::try_from(&fortran), Ok(expected));
        let boxed = Tensor2::<2, 3, _>::from_ndarray_boxed(&fortran).expect("the same shape");
        assert_eq!(*boxed, expected);

        assert_eq!(
            Tensor0::try_from(Array0::from_elem((), 7.0)),
            Ok(Tensor::from(7.0))
        );
        let deep = counted(&[2, 3, 4, 5]);
        let tensor = Tensor4::<2, 3, 4, 5>::from_ndarray_boxed(&deep).expect("the same shape");
        assert_eq!(tensor[[1, 2, 3, 4]], deep[[1, 2, 3, 4]]);
        assert_eq!(tensor.to_ndarray().into_dyn(), deep);
    }

    #[test]
    fn batches_have_one_more_axis() {
        let images = counted(&[3, 2, 2, 1]);
        let batch = Tensor3::<2, 2, 1>::from_ndarray_batch(&images).expect("a batch");
        assert_eq!((batch.len(), batch[2][[1, 0, 0]]), (3, 10.0));
        assert_eq!(
            Tensor::ndarray_batch_view(&batch),
            images.view().into_dimensionality().unwrap()
        );
        let over = Tensor3::<2, 2, 1>::over_ndarray_batch(&images).expect("a batch");
        assert_eq!(over, batch);
        assert_eq!(over[0].as_slice().as_ptr(), images.as_ptr());

        // Channels first: moved to the end.
        let first = counted(&[4, 3, 2, 2]);
        let last = first.view().permuted_axes(IxDyn(&[0, 2, 3, 1]));
        let batch = Tensor3::<2, 2, 3>::from_ndarray_batch(&last).expect("a batch");
        assert_eq!(batch[3][[1, 0, 2]], first[[3, 2, 1, 0]]);

        let numbers: Vec<Tensor0> = Tensor::from_ndarray_batch(&array![1.0, 2.0]).expect("a batch");
        assert_eq!(numbers, [Tensor::from(1.0), Tensor::from(2.0)]);
        let none: Vec<Tensor1<4>> =
            Tensor::from_ndarray_batch(&Array2::zeros((0, 4))).expect("none");
        assert!(none.is_empty());
        assert_eq!(Tensor::ndarray_batch_view(&none).shape(), [0, 4]);
    }

    #[test]
    fn views_are_the_same_memory() {
        let mut tensor = Tensor2::from([[1.0, 2.0], [3.0, 4.0]]);
        tensor.ndarray_view_mut().row_mut(1).fill(9.0);
        assert_eq!(tensor, Tensor2::from([[1.0, 2.0], [9.0, 9.0]]));
        assert_eq!(tensor.ndarray_view().as_ptr(), tensor.as_slice().as_ptr());
        assert_eq!(tensor.ndarray_view().sum_axis(Axis(0)), array![10.0, 11.0]);
        let scalar = Tensor0::from(3.0);
        assert_eq!(scalar.ndarray_view()[()], 3.0);

        let array = array![1.0, 2.0, 3.0];
        let view = Tensor1::<3>::over_ndarray(&array).expect("the same shape");
        assert_eq!(view.as_slice().as_ptr(), array.as_ptr());
        let mut sum = Array::<f32, Ix1>::zeros(3);
        Zip::from(&mut sum)
            .and(view.ndarray_view())
            .for_each(|sum, &x| *sum += x);
        assert_eq!(sum, array);
    }

    #[test]
    fn other_shapes_are_errors_with_a_way_out() {
        let one = |shape: &[usize]| Tensor3::<4, 5, 3>::try_from(counted(shape)).map(|_| ());
        let many =
            |shape: &[usize]| Tensor3::<4, 5, 3>::from_ndarray_batch(&counted(shape)).map(|_| ());
        let says = |result: Result<(), ArrayShapeError>| {
            let text = result.expect_err("another shape").to_string();
            let (_, advice) = text.split_once(" came; ").expect("an advice");
            advice.to_owned()
        };

        let error = one(&[3, 4, 5]).expect_err("another shape");
        assert_eq!(
            error.to_string(),
            "a tensor of shape [4, 5, 3] takes an array of shape [4, 5, 3], but [3, 4, 5] came; order \
             its axes with `.permuted_axes([1, 2, 0])`"
        );
        let error = many(&[7, 3, 4, 5]).expect_err("another shape");
        assert_eq!(
            error.to_string(),
            "a batch of tensors of shape [4, 5, 3] takes an array of shape [n, 4, 5, 3], but \
             [7, 3, 4, 5] came; order its axes with `.permuted_axes([0, 2, 3, 1])`"
        );
        assert_eq!(
            says(one(&[7, 4, 5, 3])),
            "it is a batch, which `Tensor::from_ndarray_batch` takes"
        );
        assert_eq!(
            says(many(&[4, 5, 3])),
            "it is one sample, which `Tensor::from_ndarray` takes"
        );
        assert_eq!(
            says(one(&[20, 3])),
            "if its elements have this order, give it this shape with \
             `.into_shape_with_order([4, 5, 3])`"
        );
        assert_eq!(
            says(many(&[7, 60])),
            "if its elements have this order, give it this shape with \
             `.into_shape_with_order([7, 4, 5, 3])`"
        );
        for result in [
            one(&[4, 5]),
            one(&[]),
            many(&[]),
            many(&[7, 4, 5, 1]),
            many(&[7]),
        ] {
            assert_eq!(
                says(result),
                "take a tensor of the array's shape, or slice the array"
            );
        }
        // What the advice says helps.
        let moved = counted(&[3, 4, 5])
            .into_dimensionality()
            .unwrap()
            .permuted_axes([1, 2, 0]);
        assert!(Tensor3::<4, 5, 3>::try_from(moved).is_ok());

        let grey = Tensor3::<4, 5, 1>::from_ndarray_batch(&counted(&[2, 4, 5]));
        assert_eq!(
            says(grey.map(|_| ())),
            "give it this shape with `.into_shape_with_order([2, 4, 5, 1])`"
        );
        let shaped: Array4<f32> = counted(&[2, 4, 5])
            .into_shape_with_order([2, 4, 5, 1])
            .unwrap();
        assert!(Tensor3::<4, 5, 1>::from_ndarray_batch(&shaped).is_ok());

        let table = array![[1.0, 2.0], [3.0, 4.0]];
        let error = Tensor2::<2, 2>::over_ndarray(&table.t())
            .map(|_| ())
            .expect_err("transposed");
        assert_eq!(
            error.to_string(),
            "a tensor of shape [2, 2] views elements that lie row after row in memory, and those of \
             the array do not; copy them with `Tensor::from_ndarray`"
        );
        let error = Tensor1::<2>::over_ndarray_batch(&table.t()).expect_err("transposed");
        assert!(
            error
                .to_string()
                .ends_with("with `Tensor::from_ndarray_batch`")
        );
        assert!(error.is_scattered && error.is_batch);
    }
}

#[cfg(feature = "images")]
mod images {
    use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba};
    use shapewright::data::Pixel;
    use shapewright::data::images::{self, Size};
    use shapewright::prelude::*;

    fn photo() -> RgbImage {
        RgbImage::from_fn(3, 2, |x, y| Rgb([10 * x as u8, 10 * y as u8, 255]))
    }

    #[test]
    fn pictures_become_tensors_and_back() {
        let x = Tensor3::<2, 3, 3>::try_from(&photo()).expect("its size");
        assert_eq!(x[[1, 2, 0]], 20.0 / 255.0);
        assert_eq!(x.as_array()[0][0], [0.0, 0.0, 1.0]);
        assert_eq!(RgbImage::from(&x), photo());
        let bytes = Tensor3::<2, 3, 3, u8>::try_from(&photo()).expect("its size");
        assert_eq!(bytes.as_slice(), photo().as_raw().as_slice());
        assert_eq!(DynamicImage::from(&bytes), DynamicImage::from(photo()));

        let grey = GrayImage::from_fn(3, 1, |x, _| Luma([x as u8]));
        let x = Tensor3::<1, 3, 1, f64>::try_from(&grey).expect("its size");
        assert_eq!(x.as_slice(), [0.0, 1.0 / 255.0, 2.0 / 255.0]);
        assert_eq!(GrayImage::from(&x), grey);
    }

    #[test]
    fn other_pictures_are_converted_as_the_reader_does() {
        let photo = DynamicImage::from(photo());
        let grey: Box<Tensor3<2, 3, 1, u8>> =
            images::to_tensor(&photo, Size::Exact).expect("its size");
        assert_eq!(grey.as_slice(), photo.to_luma8().as_raw().as_slice());
        let clear = ImageBuffer::from_pixel(1, 1, Rgba([1_u8, 2, 3, 0]));
        let rgb = Tensor3::<1, 1, 3, u8>::try_from(&DynamicImage::from(clear)).expect("its size");
        assert_eq!(rgb.as_slice(), [1, 2, 3]);

        let folder =
            std::env::temp_dir().join(format!("shapewright-pictures-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("photo.png");
        photo.save(&path).expect("a file");
        let read: Box<Tensor3<4, 5, 3>> = images::read(&path, Size::Resize).expect("a picture");
        let made: Box<Tensor3<4, 5, 3>> =
            images::to_tensor(&photo, Size::Resize).expect("any size");
        std::fs::remove_dir_all(&folder).expect("the folder");
        assert_eq!(made, read);
    }

    #[test]
    fn sizes_are_checked() {
        let error = Tensor3::<3, 2, 3>::try_from(&photo()).expect_err("another size");
        let text = "a tensor of shape [3, 2, 3] takes a picture of the height 3 and the width 2, but \
                    one of the height 2 and the width 3 came; take a tensor of its size, or resize it \
                    with `images::to_tensor(&picture, Size::Resize)`";
        assert_eq!(error.to_string(), text);
        let photo = DynamicImage::from(photo());
        let error =
            images::to_tensor::<3, 2, 3, f32>(&photo, Size::Exact).expect_err("another size");
        assert_eq!(error.to_string(), text);

        for empty in [DynamicImage::new_rgb8(0, 0), DynamicImage::new_luma8(4, 0)] {
            let error =
                images::to_tensor::<3, 2, 3, f32>(&empty, Size::Resize).expect_err("nothing");
            assert!(
                error
                    .to_string()
                    .ends_with("leave it out, as it has no pixels")
            );
        }
    }

    #[test]
    fn numbers_become_the_nearest_bytes() {
        for byte in 0..=255 {
            assert_eq!(f32::from_byte(byte).to_byte(), byte);
            assert_eq!(f64::from_byte(byte).to_byte(), byte);
        }
        assert_eq!(
            [-0.3_f32, 1.7, f32::NAN, f32::INFINITY].map(Pixel::to_byte),
            [0, 255, 0, 255]
        );
        assert_eq!([0.4999 / 255.0, 0.5001 / 255.0].map(f64::to_byte), [0, 1]);
    }
}

#[cfg(feature = "serde")]
mod serde {
    use serde::{Deserialize, Serialize};
    use shapewright::prelude::*;
    use shapewright::tensor::{BF16, F16, Shape};

    fn text(value: &impl Serialize) -> String {
        serde_json::to_string(value).expect("numbers")
    }

    /// Returns the error of numbers that come as `f64`; from text, `serde_json` itself refuses those
    /// that are no `f32`.
    fn error_in_value<T: for<'de> Deserialize<'de>>(text: &str) -> String {
        let value = serde_json::from_str(text).expect("JSON");
        match serde_json::from_value::<T>(value) {
            Ok(_) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    fn error<T: for<'de> Deserialize<'de>>(text: &str) -> String {
        match serde_json::from_str::<T>(text) {
            Ok(_) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// Checks that a value is written in a form, and read from it.
    fn round_trip<T>(value: T, form: &str)
    where
        T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug,
    {
        assert_eq!(text(&value), form);
        assert_eq!(
            serde_json::from_str::<T>(form).expect("the same form"),
            value
        );
    }

    #[test]
    fn tensors_are_nested_arrays() {
        round_trip(Tensor0::from(1.5), "1.5");
        round_trip(Tensor1::from([1, 2, 3]), "[1,2,3]");
        round_trip(Tensor2::from([[true, false]]), "[[true,false]]");
        round_trip(
            Tensor3::from([[[1.0_f64], [2.0]], [[3.0], [4.0]]]),
            "[[[1.0],[2.0]],[[3.0],[4.0]]]",
        );
        round_trip(
            Tensor4::from([[[[7_u8, 8]]], [[[9, 10]]]]),
            "[[[[7,8]]],[[[9,10]]]]",
        );
        round_trip(Tensor1::from([F16::from_f32(0.5)]), "[0.5]");
        round_trip(Tensor2::<2, 0>::zeros(), "[[],[]]");
        round_trip(Tensor2::<0, 2>::zeros(), "[]");
        let pair = Tensor::from((Tensor2::from([[1.0, 2.0]]), Tensor0::from(3.0)));
        round_trip(pair, "[[[1.0,2.0]],3.0]");
    }

    #[test]
    fn lengths_are_checked() {
        let at = |text: &str| {
            let error = error::<Tensor2<2, 3>>(text);
            error
                .split(" at line")
                .next()
                .expect("a sentence")
                .to_owned()
        };
        assert_eq!(
            at("[[1,2,3]]"),
            "expected 2 arrays of shape [3], but 1 came"
        );
        assert_eq!(at("[[1,2,3],[1,2]]"), "expected 3 numbers, but 2 came");
        assert_eq!(
            at("[[1,2,3,4,5],[1,2,3]]"),
            "expected 3 numbers, but 5 came"
        );
        assert_eq!(
            at("[[1,2,3],[1,2,3],[1,2,3]]"),
            "expected 2 arrays of shape [3], but 3 came"
        );
        assert_eq!(
            at("[1,2,3,4,5,6]"),
            "invalid type: integer `1`, expected 3 numbers"
        );
        assert_eq!(
            at("7"),
            "invalid type: integer `7`, expected 2 arrays of shape [3]"
        );
        assert!(error::<Tensor1<2, u8>>("[1, 256]").starts_with("invalid value: integer `256`"));
    }

    /// A number that would become infinite is refused.
    #[test]
    fn numbers_beyond_the_largest_one_are_refused() {
        let at = |error: String| {
            error
                .split(" at line")
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(
            error_in_value::<Tensor2<2, 2>>("[[1.0, 2.0], [-1e39, 3.0]]"),
            "element 2 of a tensor: -1e39 is beyond the largest f32, 3.4028235e38; correct it, or read it as another \
             type"
        );
        assert_eq!(
            at(error::<Tensor1<2, F16>>("[1.0, 65520.0]")),
            "65520.0 is beyond the largest F16, 65504.0; correct it, or read it as another type"
        );
        assert!(
            error_in_value::<Tensor1<1, F16>>("[1e39]").contains("1e39 is beyond the largest f32")
        );
        assert!(
            error::<Tensor1<1, BF16>>("[3.4e38]").contains("beyond the largest BF16, 3.3895314e38")
        );

        // The nearest `f32` of these is the largest one.
        let largest: Tensor1<2> =
            serde_json::from_str("[3.4028235e38, -3.4028235e38]").expect("numbers");
        assert_eq!(largest, Tensor1::from([f32::MAX, -f32::MAX]));
        assert_eq!(error::<Tensor1<1, f64>>("[1e39]"), "none");
        assert_eq!(error::<Tensor1<1, F16>>("[65519.0]"), "none");

        network! { #[derive(Serialize, Deserialize)] struct Net: [2] -> [1] { fc: Linear<_, 1> } }
        assert_eq!(
            error_in_value::<Net>(r#"{"fc.weight": [1.0, 1e39], "fc.bias": [0.0]}"#),
            "number 1 of `fc.weight` of `Net`: 1e39 is beyond the largest f32, 3.4028235e38; correct it, or read it as \
             another type"
        );
        assert_eq!(
            error::<Net>(r#"{"fc.weight": [1.0, 1e38], "fc.bias": [0.0]}"#),
            "none"
        );
        assert!(error::<Net>(r#"{"fc.weight": [1.0, null]}"#).starts_with("invalid type: null"));
    }

    /// A number that is not finite would become `null`.
    #[test]
    fn numbers_that_text_cannot_hold_are_refused() {
        fn error(value: &impl Serialize) -> String {
            serde_json::to_string(value)
                .expect_err("refused")
                .to_string()
        }
        let end =
            "which formats of text such as JSON cannot hold; correct it, or write a binary format";

        for (number, name) in [
            (f32::NAN, "NaN"),
            (f32::INFINITY, "inf"),
            (-f32::INFINITY, "-inf"),
        ] {
            let x = Tensor2::from([[1.0, 2.0], [3.0, number]]);
            assert_eq!(error(&x), format!("element 3 of a tensor is {name}, {end}"));
            let x = x.map(f64::from);
            assert_eq!(
                error(&vec![x]),
                format!("element 3 of a tensor is {name}, {end}")
            );
            let x = F16::from_f32(number);
            assert_eq!(error(&Some(x)), format!("a number of F16 is {name}, {end}"));
            let x = Tensor1::from([BF16::from_f32(1.0), BF16::from_f32(number)]);
            assert_eq!(error(&x), format!("element 1 of a tensor is {name}, {end}"));

            network! { #[derive(Serialize)] struct Net: [2] -> [1] { fc: Linear<_, 1> } }
            let mut net = Net::zeros();
            net.fc.weight[1][0] = number;
            assert_eq!(
                error(&net),
                format!("number 1 of `fc.weight` of `Net` is {name}, {end}")
            );
        }
        let largest = Tensor1::from([f32::MAX, f32::MIN_POSITIVE, 1e-45, -0.0]);
        round_trip(largest, &text(&largest));
    }

    #[test]
    fn labels_and_indices_are_checked_numbers() {
        round_trip(Label::<3>::new(2).expect("a class"), "2");
        round_trip(Index::<3>::new(1).expect("an index"), "1");
        round_trip(
            vec![Some(Label::<3>::new(0).expect("a class")), None],
            "[0,null]",
        );
        assert!(
            error::<Label<3>>("3").starts_with("label 3 is not one of 3 classes, which are 0 to 2")
        );
        assert!(error::<Label<3>>("-1").starts_with("label -1 is not one of 3 classes"));
        assert!(error::<Index<3>>("4294967296").starts_with("index 4294967296 is not one of 3"));
        assert!(
            error::<Label<3>>("1.5")
                .starts_with("invalid type: floating point `1.5`, expected a whole number")
        );
    }

    /// Reads on the heap, and tensors as arrays of serde do.
    #[test]
    fn large_tensors_are_read_to_the_heap() {
        fn boxed<S: Shape>(text: &str) -> serde_json::Result<Box<Tensor<S>>> {
            Tensor::deserialize_boxed(&mut serde_json::Deserializer::from_str(text))
        }
        let x: Tensor2<2, 2> = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(*boxed(&text(&x)).expect("the same tensor"), x);
        assert!(boxed::<shapewright::tensor::Rank1<3>>("[1]").is_err());

        let many = |text: &str| {
            Tensor2::<2, 2>::deserialize_vec(&mut serde_json::Deserializer::from_str(text))
        };
        assert_eq!(many(&text(&[x, x])).expect("the same tensors"), [x, x]);
        assert_eq!(many("[]").expect("none"), []);
        assert!(many("[[[1, 2], [3]]]").is_err());
        assert_eq!(text(&x), text(&[[1.0_f32, 2.0], [3.0, 4.0]]));
    }
}
