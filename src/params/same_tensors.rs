//! The comparison of two networks' tensors, in constants.

use super::param_tree::{ParamField, ParamTree, TensorLayout};

/// Returns whether two trees have tensors of the same names and layouts, at the same places.
pub(crate) const fn same_tensors(a: &ParamTree, b: &ParamTree) -> bool {
    match (a, b) {
        (ParamTree::Tensor(a), ParamTree::Tensor(b)) => same_layout(a, b),
        (
            ParamTree::Items {
                names: a_names,
                count: a_count,
                len: a_len,
                item: a,
            },
            ParamTree::Items {
                names: b_names,
                count: b_count,
                len: b_len,
                item: b,
            },
        ) => {
            *a_names as usize == *b_names as usize
                && *a_count == *b_count
                && *a_len == *b_len
                && same_tensors(a, b)
        }
        (ParamTree::Tensor(_) | ParamTree::Items { .. }, _)
        | (_, ParamTree::Tensor(_) | ParamTree::Items { .. }) => false,
        _ => same_members(a.members(), b.members()),
    }
}

/// Compares lists of fields or layers, without those that have no tensors.
const fn same_members(a: &[ParamField], b: &[ParamField]) -> bool {
    let (mut i, mut j) = (0, 0);
    loop {
        while i < a.len() && is_empty(&a[i].contents) {
            i += 1;
        }
        while j < b.len() && is_empty(&b[j].contents) {
            j += 1;
        }
        if i == a.len() || j == b.len() {
            return i == a.len() && j == b.len();
        }

        let same = same_text(a[i].name, b[j].name)
            && a[i].first == b[j].first
            && same_tensors(&a[i].contents, &b[j].contents);
        if !same {
            return false;
        }
        i += 1;
        j += 1;
    }
}

/// Returns whether there are no tensors.
const fn is_empty(tree: &ParamTree) -> bool {
    match tree {
        ParamTree::Tensor(_) => false,
        ParamTree::Items { count, item, .. } => *count == 0 || is_empty(item),
        _ => {
            let members = tree.members();
            let mut i = 0;
            while i < members.len() && is_empty(&members[i].contents) {
                i += 1;
            }
            i == members.len()
        }
    }
}

const fn same_layout(a: &TensorLayout, b: &TensorLayout) -> bool {
    let same_numbers = match (&a.buffer, &b.buffer) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            same_text(a.number, b.number) && a.len == b.len && a.padding == b.padding
        }
        _ => false,
    };
    let (a_sizes, b_sizes) = (a.sizes(), b.sizes());
    let mut axis = 0;
    while axis < a_sizes.len() && axis < b_sizes.len() && a_sizes[axis] == b_sizes[axis] {
        axis += 1;
    }
    same_numbers && a.statistic == b.statistic && axis == a_sizes.len() && axis == b_sizes.len()
}

/// Returns whether two texts are equal: `==` for constants.
const fn same_text(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}
