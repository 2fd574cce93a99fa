//! The tensors' own operations, from scalars to four axes.

use crate::common::random;
use generic_array::GenericArray;
use generic_array::typenum::{U0, U3};
use proptest::prelude::*;
use shapewright::prelude::{Shape, Tensor, Tensor0, Tensor1, Tensor2, Tensor3, Tensor4};
use shapewright::tensor::{Dims, Element, LengthError, Rank0, Rank1, Rank2, Rank3, Rank4};

#[test]
fn shapes_say_their_sizes() {
    assert_eq!(
        (Tensor0::<f32>::LEN, Tensor0::<f32>::DIMS),
        (1, Dims::new(&[]))
    );
    assert_eq!(
        (Tensor3::<2, 3, 4>::LEN, Tensor3::<2, 3, 4>::DIMS.sizes()),
        (24, &[2, 3, 4][..])
    );
    assert_eq!(Tensor2::<0, 3>::LEN, 0);

    let dims = Rank4::<5, 6, 7, 8>::DIMS;
    assert_eq!(
        (dims.rank(), dims.size(2), dims.size(9), dims.last()),
        (Some(4), 7, 1, Some(8))
    );
    assert_eq!((Rank0::DIMS.rank(), Dims::UNKNOWN.rank()), (Some(0), None));
    assert_eq!(dims.with_last(1).sizes(), [5, 6, 7, 1]);
    assert_eq!(
        (Rank0::DIMS.last(), Rank0::DIMS.with_last(3)),
        (None, Rank0::DIMS)
    );
    assert!(
        dims.same(&dims) && !dims.same(&dims.with_last(9)) && !Rank1::<1>::DIMS.same(&Rank0::DIMS)
    );
    assert_eq!((Dims::UNKNOWN.len(), Dims::UNKNOWN.sizes().len()), (0, 0));

    assert_eq!(size_of::<Tensor4<2, 3, 4, 5, f64>>(), 8 * 120);
}

#[test]
fn constructors_fill_row_after_row() {
    assert_eq!(Tensor2::<2, 2>::zeros(), Tensor2::from([[0.0; 2]; 2]));
    assert_eq!(Tensor2::<2, 2>::ones(), Tensor2::full(1.0));
    assert_eq!(Tensor1::<3, bool>::default(), Tensor1::from([false; 3]));

    let counted = Tensor3::<2, 2, 2, u8>::from_position(|i| i as u8);
    assert_eq!(counted, Tensor3::from([[[0, 1], [2, 3]], [[4, 5], [6, 7]]]));
    assert_eq!(
        counted,
        Tensor3::from_fn(|[i, j, k]| (4 * i + 2 * j + k) as u8)
    );
    assert_eq!(
        *Tensor3::<2, 2, 2, u8>::from_fn_boxed(|[i, j, k]| (4 * i + 2 * j + k) as u8),
        counted
    );

    assert_eq!(Tensor0::<i32>::from_fn(|[]| 7), Tensor0::from(7));
    assert_eq!(
        Tensor1::<3, usize>::from_fn(|[i]| i * i).as_slice(),
        [0, 1, 4]
    );

    let last = |[i, j, k, l]: [usize; 4]| 1000 * i + 100 * j + 10 * k + l;
    assert_eq!(
        Tensor4::<2, 3, 4, 5, usize>::from_fn(last).as_slice()[119],
        1234
    );

    assert_eq!(
        Tensor2::<0, 3>::from_fn(|_| unreachable!("no elements")).sum(),
        0.0
    );
}

#[test]
fn slices_of_the_right_length_are_tensors() {
    type Matrix = Tensor2<2, 3>;
    let numbers = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let matrix = Matrix::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);

    assert_eq!(Matrix::from_slice(&numbers), Ok(matrix));
    assert_eq!(
        Matrix::from_slice_boxed(&numbers).map(|boxed| *boxed),
        Ok(matrix)
    );
    assert!(std::ptr::eq(
        Matrix::over(&numbers).expect("the length").as_slice(),
        &numbers
    ));

    for wrong in [&numbers[..5], &[0.0; 7], &[]] {
        let error = LengthError {
            row: None,
            dims: Matrix::DIMS,
            found: wrong.len(),
        };
        assert_eq!(Matrix::from_slice(wrong), Err(error.clone()));
        assert_eq!(Matrix::over(wrong), Err(error.clone()));
        assert_eq!(Matrix::from_slice_boxed(wrong), Err(error.clone()));

        let text = format!(
            "a tensor of shape [2, 3] takes 6 elements, but the slice has {}",
            wrong.len()
        );
        assert_eq!(error.to_string(), text);
    }

    assert_eq!(Tensor0::from_slice(&[2.5]), Ok(Tensor0::from(2.5)));
}

#[test]
fn elements_are_read_and_changed_by_index() {
    let mut t = Tensor4::<2, 1, 2, 2>::zeros();
    t[[1, 0, 1, 0]] = 5.0;
    assert_eq!((t.as_slice()[6], t.as_array()[1][0][1][0]), (5.0, 5.0));

    let mut scalar = Tensor0::from(3);
    scalar[[]] += 1;
    assert_eq!(scalar[[]], 4);

    let mut vector = Tensor1::from([1, 2, 3]);
    vector[1] = 7;
    vector[[2]] = 8;
    vector.as_mut_array()[0] = 6;
    assert_eq!(vector, Tensor1::from([6, 7, 8]));

    for x in &mut vector {
        *x *= 2;
    }
    assert_eq!(vector.iter().sum::<i32>(), 42);
    assert_eq!(vector.as_ref(), [12, 14, 16]);
    assert_eq!(Tensor::flatten(&[vector, vector]), [12, 14, 16, 12, 14, 16]);

    let outside = std::panic::catch_unwind(|| Tensor2::<2, 3>::zeros()[[0, 3]]);
    assert!(
        outside.is_err(),
        "an index beyond its axis panics, also where the next row has an element"
    );
}

#[test]
fn map_and_zip_change_the_type() {
    let a = Tensor2::from([[1.5, -2.0], [0.0, 4.0]]);
    let signs = a.map(|x: f32| x > 0.0);
    assert_eq!(signs, Tensor2::from([[true, false], [false, true]]));
    let chosen: Tensor2<2, 2, f64> =
        a.zip(&signs, |x, sign| if sign { f64::from(x) } else { -1.0 });
    assert_eq!(chosen, Tensor2::from([[1.5, -1.0], [-1.0, 4.0]]));
}

#[test]
#[allow(clippy::op_ref)]
fn operators_work_element_by_element() {
    let a = Tensor1::from([1.0, -2.0, 8.0]);
    let b = Tensor1::from([4.0, 2.0, -0.5]);

    assert_eq!(&a + &b, Tensor1::from([5.0, 0.0, 7.5]));
    assert_eq!(a - b, Tensor1::from([-3.0, -4.0, 8.5]));
    assert_eq!(a * b, Tensor1::from([4.0, -4.0, -4.0]));
    assert_eq!(&a / &b, Tensor1::from([0.25, -1.0, -16.0]));

    assert_eq!(
        (&a + 1.0, a - 1.0),
        (
            Tensor1::from([2.0, -1.0, 9.0]),
            Tensor1::from([0.0, -3.0, 7.0])
        )
    );
    assert_eq!(
        (&a * 2.0, a / 2.0),
        (
            Tensor1::from([2.0, -4.0, 16.0]),
            Tensor1::from([0.5, -1.0, 4.0])
        )
    );
    assert_eq!(
        (-&a, -a),
        (
            Tensor1::from([-1.0, 2.0, -8.0]),
            Tensor1::from([-1.0, 2.0, -8.0])
        )
    );

    let mut c = a;
    c += &b;
    c -= 1.0;
    c *= b;
    c /= 2.0;
    assert_eq!(c, Tensor1::from([8.0, -1.0, -1.625]));

    c -= a;
    c /= &a;
    c += 1.0;
    c *= &a;
    assert_eq!(c, Tensor1::from([8.0, -1.0, -1.625]));

    assert_eq!(a.dot(&b), 4.0 - 4.0 - 4.0);
}

#[test]
fn reductions_keep_nan_and_take_the_first_of_equals() {
    let t = Tensor2::from([[3.0, -1.0, 2.0], [3.0, -1.0, 0.5]]);
    assert_eq!((t.sum(), t.mean(), t.product()), (6.5, 6.5 / 6.0, 9.0));
    assert_eq!(
        (t.max(), t.min(), t.argmax(), t.argmin()),
        (3.0, -1.0, 0, 1)
    );
    assert_eq!(
        (t.sum_rows(), t.sum_columns()),
        (Tensor1::from([6.0, -2.0, 2.5]), Tensor1::from([4.0, 2.5]))
    );

    let with_nan = Tensor1::from([1.0, f32::NAN, 9.0, f32::NAN]);
    assert!(with_nan.max().is_nan() && with_nan.min().is_nan() && with_nan.sum().is_nan());
    assert_eq!((with_nan.argmax(), with_nan.argmin()), (1, 1));

    let infinite = Tensor1::from([f64::NEG_INFINITY, f64::INFINITY]);
    assert_eq!(
        (infinite.argmax(), infinite.argmin(), infinite.max()),
        (1, 0, f64::INFINITY)
    );
    assert_eq!(
        (Tensor0::from(2.0).max(), Tensor0::from(2.0).argmax()),
        (2.0, 0)
    );

    let none = Tensor1::<0>::zeros();
    assert_eq!(
        (none.sum(), none.product(), none.max(), none.min()),
        (0.0, 1.0, f32::NEG_INFINITY, f32::INFINITY)
    );
    assert!(none.mean().is_nan() && std::panic::catch_unwind(|| none.argmax()).is_err());
}

fn check_matmul<const M: usize, const K: usize, const N: usize, T: Element>() {
    let (a, b): (Vec<Tensor2<M, K, T>>, Vec<Tensor2<K, N, T>>) = (random(1, 1), random(1, 2));
    let naive = |i: usize, j: usize| {
        (0..K)
            .map(|k| a[0][[i, k]].to_f64().unwrap() * b[0][[k, j]].to_f64().unwrap())
            .sum::<f64>()
    };
    let wanted: Vec<f64> = (0..M * N).map(|i| naive(i / N, i % N)).collect();
    let tolerance = if size_of::<T>() == 4 { 1e-5 } else { 1e-13 };
    let what = format!("{M} x {K} x {N} in {}", T::NAME);
    crate::common::assert_close(&what, a[0].matmul(&b[0]).as_slice(), &wanted, tolerance);
    let mut written = Tensor2::full(T::nan());
    a[0].matmul_into(&b[0], &mut written);
    assert_eq!(written, a[0].matmul(&b[0]));
    let turned = b[0].transpose().matmul(&a[0].transpose()).transpose();
    crate::common::assert_close(&what, turned.as_slice(), &wanted, tolerance);
}

#[test]
fn matmul_is_the_product_of_matrices() {
    crate::common::settings().every_tier(|_| {
        check_matmul::<1, 1, 1, f32>();
        check_matmul::<1, 17, 5, f32>();
        check_matmul::<13, 1, 7, f32>();
        check_matmul::<5, 19, 1, f32>();
        check_matmul::<7, 33, 65, f32>();
        check_matmul::<31, 67, 17, f32>();
        check_matmul::<65, 300, 3, f32>();
    });
    check_matmul::<7, 33, 65, f64>();
    check_matmul::<3, 5, 2, f64>();
    assert_eq!(
        Tensor2::<2, 0>::zeros().matmul(&Tensor2::<0, 3>::zeros()),
        Tensor2::zeros()
    );
}

#[test]
fn axes_are_exchanged_and_renamed() {
    let t = Tensor2::from([[1, 2, 3], [4, 5, 6]]).map(|x: i32| f64::from(x));
    assert_eq!(
        t.transpose(),
        Tensor2::from([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]])
    );
    assert_eq!(t.transpose().transpose(), t);
    assert_eq!(t.row(1), &Tensor1::from([4.0, 5.0, 6.0]));
    assert_eq!(t.reshape::<Rank3<3, 1, 2>>()[[1, 0, 1]], 4.0);
    assert_eq!(t.reshape::<Rank1<6>>().reshape::<Rank2<2, 3>>(), &t);
    assert_eq!(Tensor1::from([7]).reshape::<Rank0>(), &Tensor0::from(7));
}

#[test]
fn printing_nests_rows_and_elides_the_middle() {
    assert_eq!(
        format!(
            "{} {:.2} {:?}",
            Tensor0::from(1.5),
            Tensor0::from(1.5),
            Tensor0::from(2)
        ),
        "1.5 1.50 Tensor [] i32 2"
    );
    assert_eq!(format!("{}", Tensor1::<0>::zeros()), "[]");

    let t = Tensor3::<2, 2, 2, u8>::from_position(|i| i as u8);
    assert_eq!(
        format!("{t:?}"),
        "Tensor [2, 2, 2] u8 [[[0, 1],\n  [2, 3]],\n [[4, 5],\n  [6, 7]]]"
    );
    assert_eq!(
        format!("{:5.1}", Tensor1::from([1.0, -20.0])),
        "[  1.0, -20.0]"
    );

    let all = format!("{}", Tensor1::<1000, usize>::from_position(|i| i));
    assert!(all.contains("500") && !all.contains("..."));
    let long = Tensor1::<1001, usize>::from_position(|i| i);
    assert_eq!(format!("{long}"), "[0, 1, 2, ..., 998, 999, 1000]");

    let tall = Tensor2::<1000, 7, usize>::from_position(|i| i);
    let text = format!("{tall}");
    assert_eq!(text.lines().count(), 7);
    assert!(
        text.starts_with("[[0, 1, 2, 3, 4, 5, 6],\n [7, ") && text.contains(",\n ...,\n [6979, "),
        "{text}"
    );
    assert!(text.ends_with("6999]]"));
}

#[test]
fn arrays_and_generic_arrays_become_tensors_and_back() {
    let array: [[i8; 2]; 3] = Tensor2::from([[1, 2], [3, 4], [5, 6]]).into();
    assert_eq!(array[2], [5, 6]);
    let array: [[[[u64; 1]; 1]; 2]; 1] = Tensor4::from([[[[8]], [[9]]]]).into();
    assert_eq!(array[0][1][0][0], 9);
    let generic: GenericArray<f64, U3> = Tensor1::from([1.0, 2.0, 3.0]).into();
    assert_eq!(generic.as_slice(), [1.0, 2.0, 3.0]);
    assert_eq!(
        Tensor1::<3, f64>::from(generic),
        Tensor1::from([1.0, 2.0, 3.0])
    );
    let empty: GenericArray<bool, U0> = Tensor1::<0, bool>::default().into();
    assert!(empty.is_empty());
}

#[test]
fn tuples_are_tensors_side_by_side() {
    type Pair = (Rank2<2, 2>, Rank1<3>);
    type Nested = (Rank0, Pair, Rank1<0>, Rank1<2>);

    assert_eq!(
        (Tensor::<Nested>::LEN, size_of::<Tensor<Nested, f64>>()),
        (10, 80)
    );
    assert_eq!(
        Tensor::<Nested>::DIMS.to_string(),
        "([], ([2, 2], [3]), [0], [2])"
    );

    let a = Tensor2::from([[1, 2], [3, 4]]);
    let b = Tensor1::from([5, 6, 7]);
    let mut both: Tensor<Pair, i64> = (a, b).into();
    assert_eq!(
        (both.as_slice(), both.parts()),
        (&[1, 2, 3, 4, 5, 6, 7][..], (&a, &b))
    );

    both.parts_mut().1[2] = 9;
    assert_eq!(both.as_slice()[6], 9);

    let nested = Tensor::<Nested, i64>::from((8.into(), both, [].into(), [10, 11].into()));
    assert_eq!(nested.as_slice(), [8, 1, 2, 3, 4, 5, 6, 9, 10, 11]);
    assert_eq!(nested.parts().1.parts().0, &a);
    assert_eq!(
        format!("{:?}", both),
        "Tensor ([2, 2], [3]) i64 ([[1, 2],\n [3, 4]],\n[5, 6, 9])"
    );
}

#[test]
fn random_tensors_follow_seed_and_distribution() {
    let draw =
        |seed| Tensor2::<50, 40>::random(rand::distr::StandardUniform, &mut shapewright::rng(seed));
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let boxed: Box<Tensor2<50, 40>> =
        Tensor::random_boxed(rand::distr::StandardUniform, &mut shapewright::rng(1));
    assert_eq!(*boxed, draw(1));
    assert!((draw(3).mean() - 0.5).abs() < 5.0 / (12.0 * 2000.0f32).sqrt());
    assert!(draw(3).min() >= 0.0 && draw(3).max() < 1.0);
}

fn same<S: Shape>(a: &Tensor<S, f64>, b: &Tensor<S, f64>) -> bool {
    a.zip(b, |a, b| (a - b).abs() <= 1e-9 * (1.0 + a.abs()))
        .iter()
        .all(|&same| same)
}

proptest! {
    #[test]
    fn algebra_holds(numbers in proptest::collection::vec(-1e3..1e3f64, 36)) {
        let [a, b, c] = [0, 12, 24].map(|i| Tensor2::<3, 4, f64>::from_slice(&numbers[i..i + 12]).unwrap());
        prop_assert!(same(&(a + b), &(b + a)));
        prop_assert!(same(&((a + b) * c), &(a * c + b * c)));
        prop_assert!(same(&(a - b), &-(b - a)));
        let turned = c.transpose();
        prop_assert!(same(&(a + b).matmul(&turned), &(a.matmul(&turned) + b.matmul(&turned))));
        prop_assert!(same(&a.matmul(&turned).transpose(), &turned.transpose().matmul(&a.transpose())));
        prop_assert_eq!(a.max(), -(-a).min());
        prop_assert_eq!(a.as_slice()[a.argmin()], a.min());
        prop_assert!((a.dot(&b) - (a * b).sum()).abs() <= 1e-6);
    }
}

#[test]
fn softmax_is_over_the_last_axis() {
    let x = Tensor2::from([[0.0, 2.0_f64.ln(), 5.0_f64.ln()], [7.0, 7.0, 7.0]]);
    let wanted = [0.125, 0.25, 0.625, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0];

    crate::common::assert_close("softmax", x.softmax().as_slice(), &wanted, 1e-15);
    crate::common::assert_close(
        "log_softmax",
        x.log_softmax().as_slice(),
        &wanted.map(f64::ln),
        1e-15,
    );

    let single = x.map(|x| x as f32);
    crate::common::assert_close("softmax", single.softmax().as_slice(), &wanted, 1e-6);
    crate::common::assert_close(
        "log_softmax",
        single.log_softmax().as_slice(),
        &wanted.map(f64::ln),
        1e-6,
    );

    assert_eq!(
        Tensor2::<2, 0>::zeros().softmax(),
        Tensor2::<2, 0>::zeros().log_softmax()
    );
}

#[test]
fn slices_are_viewed_as_tensors() {
    let mut numbers: Vec<f32> = (0..6_u8).map(f32::from).collect();
    let first = numbers.as_ptr();
    let pairs = Tensor1::<2>::batch_over(&numbers).expect("three pairs");
    assert_eq!(pairs.as_ptr().cast::<f32>(), first);
    assert_eq!(pairs[2], Tensor1::from([4.0, 5.0]));

    Tensor1::<2>::batch_over_mut(&mut numbers).expect("three pairs")[1][0] = 7.0;
    Tensor2::<2, 3>::over_mut(&mut numbers).expect("a matrix")[[1, 2]] = 8.0;
    assert_eq!(numbers, [0.0, 1.0, 7.0, 3.0, 4.0, 8.0]);

    let error = Tensor1::<4>::batch_over(&numbers).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a tensor of shape [4] takes 4 elements, but row 1 has 2"
    );
    assert!(Tensor1::<4>::batch_over_mut(&mut numbers).is_err());
    assert!(Tensor1::<4>::over_mut(&mut numbers).is_err());

    // Shapes without elements have none in any number of them.
    assert_eq!(Tensor1::<0, f32>::batch_over(&[]).expect("none").len(), 0);
    assert!(Tensor1::<0>::batch_over(&numbers).is_err());
    assert_eq!(Tensor1::<4, f32>::batch_over(&[]).expect("none").len(), 0);
}
