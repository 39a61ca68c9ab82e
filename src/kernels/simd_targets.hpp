// Which Highway targets are built. Included before any header of Highway.
// SSSE3 would be a copy of SSE4's code. The scalable SVE has no vectors in structs, which the
// kernels use: arm64 runs NEON. On x86 remain the plain scalar baseline, SSE4, AVX2 and AVX3.
// ZTILDE_ONE_TARGET, for builds that check something else than the kernels, leaves only AVX2 beside the
// baseline: the baseline alone has no fused multiply-add, which oneDNN's products have wherever there is one.
#pragma once

#ifdef ZTILDE_ONE_TARGET
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#else
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif
