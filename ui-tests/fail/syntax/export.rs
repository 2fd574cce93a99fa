use shapewright::prelude::*;

network! {
    #[export_c("net")]
    struct LeNet5: [2] -> [1] { Linear<_, 1> }
}
network! {
    #[export_c]
    #[export_c(other)]
    struct Twice: [2] -> [1] { Linear<_, 1> }
}
network! {
    #[export_python(Net)]
    struct Named: [2] -> [1] { Linear<_, 1> }
}

// Its crate is no dependency here.
network! {
    #[export_python]
    struct NoCrate: [2] -> [1] { Linear<_, 1> }
}

fn main() {}
