//! All combinations.

/// Values of several hyperparameters: a tuple of arrays, vectors or other collections, one to eight
/// of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` are not the axes of a grid",
    note = "the axes are a tuple of one to eight collections: `([1e-3, 1e-2], [16, 32])`; for one axis, `([16, 32],)`"
)]
pub trait Axes {
    /// A combination: one value of each.
    type Point;

    /// Returns all combinations, the last axis changing fastest.
    fn points(self) -> Vec<Self::Point>;
}

macro_rules! axes {
    ($($axis:ident $values:ident),+) => {
        impl<$($axis: IntoIterator<Item: Clone>),+> Axes for ($($axis,)+) {
            type Point = ($($axis::Item,)+);

            fn points(self) -> Vec<Self::Point> {
                let ($($values,)+) = self;
                $(let $values: Vec<_> = $values.into_iter().collect();)+
                let count = 1 $(* $values.len())+;
                let point = |position: usize| {
                    let mut stride = count;
                    ($({
                        stride /= $values.len();
                        $values[position / stride % $values.len()].clone()
                    },)+)
                };
                (0..count).map(point).collect()
            }
        }
    };
}

axes!(A a);
axes!(A a, B b);
axes!(A a, B b, C c);
axes!(A a, B b, C c, D d);
axes!(A a, B b, C c, D d, E e);
axes!(A a, B b, C c, D d, E e, F f);
axes!(A a, B b, C c, D d, E e, F f, G g);
axes!(A a, B b, C c, D d, E e, F f, G g, H h);
