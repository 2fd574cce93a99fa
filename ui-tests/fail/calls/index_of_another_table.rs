use shapewright::prelude::*;

fn main() {
    let (user, item) = (Index::<5>::default(), Index::<7>::default());
    let _: Tensor1<2> = Tensor1::from([user, item].map(Index::to_element));
}
