use shapewright::data::text::NextToken;
use shapewright::prelude::*;

network! {
    pub struct Net: [8] -> [8, 30] {
        Embedding<30, 30>,
    }
}

fn main() {
    let tokens = [Index::<30>::default(); 100];
    let windows = NextToken::<30, 16>::new(&tokens).expect("windows");
    let mut net = Net::init(&mut shapewright::rng(0));
    let _ = Net::trainer(Adam::new(0.01), CrossEntropy).fit_dataset(&mut net, &windows);
}
