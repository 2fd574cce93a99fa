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

/// Implements `TryFrom` for [`Label`](crate::loss::Label) or [`Index`](crate::nn::Index), from each
/// type of whole numbers, by its function `checked`.
macro_rules! try_from_whole_numbers {
    ($index:ident, $error:ty) => {
        $crate::tensor::try_from_whole_numbers! {
            $index, $error, u8 u16 u32 u64 usize i8 i16 i32 i64 i128 isize
        }
    };
    ($index:ident, $error:ty, $($number:ty)*) => { $(
        impl<const N: usize> TryFrom<$number> for $index<N> {
            type Error = $error;

            fn try_from(number: $number) -> Result<Self, $error> {
                Self::checked(number as i128, None)
            }
        }
    )* };
}
pub(crate) use try_from_whole_numbers;

whole_numbers!(u8 u16 u32 u64 usize i8 i16 i32 i64 i128 isize);

impl<N: WholeNumber> WholeNumber for &N {
    fn to_i128(self) -> i128 {
        (*self).to_i128()
    }
}
