//! Loops compiled for the widest vectors that the machine has.

use pulp::NullaryFnOnce;

/// Runs `f` with the machine's widest vectors. Only code that is inlined into it is compiled for them: mark closures and functions
/// on the way `#[inline(always)]`.
///
/// A closure given to `pulp` itself is called through an adapter, which is not inlined and keeps its body out.
#[inline(always)]
pub fn wide<R>(f: impl FnMut() -> R) -> R {
    struct Call<F>(F);
    impl<R, F: FnMut() -> R> NullaryFnOnce for Call<F> {
        type Output = R;
        #[inline(always)]
        fn call(mut self) -> R {
            (self.0)()
        }
    }
    pulp::Arch::new().dispatch(Call(f))
}
