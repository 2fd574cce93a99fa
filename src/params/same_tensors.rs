//! The comparison of two networks' tensors, in constants.

use super::param_tree::{ParamField, ParamTree, TensorLayout, equal};

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

        let same = equal(a[i].name, b[j].name)
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
        (Some(a), Some(b)) => equal(a.number, b.number) && a.len == b.len && a.padding == b.padding,
        _ => false,
    };
    same_numbers && a.statistic == b.statistic && a.sizes.same(&b.sizes)
}
