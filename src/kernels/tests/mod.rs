//! Properties of the kernels in every tier that this processor has.
