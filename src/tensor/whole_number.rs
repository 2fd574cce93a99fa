//! Whole numbers of any type.

/// A whole number that may be that of a class or of an index: of any integer type but `u128`, or a
/// reference to one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of whole numbers",
    label = "not whole numbers",
    note = "classes and indices are whole numbers, such as `u8` or `usize`: convert others first, \
            with `x as usize`"
)]
pub trait WholeNumber: Copy {
    #[doc(hidden)]
    fn to_i128(self) -> i128;
}

macro_rules! whole_numbers {
    ($($number:ty)*) => { $(
        impl WholeNumber for $number {
            fn to_i128(self) -> i128 {
                self as i128
            }
        }
    )* };
}
whole_numbers!(u8 u16 u32 u64 usize i8 i16 i32 i64 i128 isize);

impl<N: WholeNumber> WholeNumber for &N {
    fn to_i128(self) -> i128 {
        (*self).to_i128()
    }
}
