"""The C in front of every generated kernel: half types as bits, and NumPy's meaning of operators that C lacks.

No header is included: CuPy's wheels carry none of CUDA's. Where the text is compiled for the host (tests do that),
`TCLI_HOST` is defined and what the GPU does in one instruction is the business of whoever defines it.
"""

PRELUDE = r"""
typedef unsigned short half_bits;
typedef unsigned short bfloat_bits;
#ifndef TCLI_HOST
#define FN static __device__ __forceinline__
FN float from_half(half_bits h) { float f; asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h)); return f; }
FN half_bits to_half(float f) { half_bits h; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(f)); return h; }
FN half_bits to_half(double f) { half_bits h; asm("cvt.rn.f16.f64 %0, %1;" : "=h"(h) : "d"(f)); return h; }
FN unsigned bits_of(float f) { return __float_as_uint(f); }
FN float float_of(unsigned u) { return __uint_as_float(u); }
FN double double_of(unsigned long long u) { return __longlong_as_double((long long)u); }
#endif
FN float from_bfloat(bfloat_bits b) { return float_of((unsigned)b << 16); }
FN bfloat_bits to_bfloat(float f) {
  unsigned u = bits_of(f);
  if (f != f) return (bfloat_bits)((u >> 31 << 15) | 0x7fc0u);
  return (bfloat_bits)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
FN bfloat_bits to_bfloat(double f) { return to_bfloat((float)f); }
template <class T> FN half_bits to_half(T x) { return to_half((float)x); }
template <class T> FN bfloat_bits to_bfloat(T x) { return to_bfloat((float)x); }

#define UNARY(name) FN float m_##name(float x) { return name##f(x); } FN double m_##name(double x) { return name(x); }
#define BINARY(name) FN float m_##name(float x, float y) { return name##f(x, y); } \
  FN double m_##name(double x, double y) { return name(x, y); }
UNARY(exp) UNARY(exp2) UNARY(expm1) UNARY(log) UNARY(log2) UNARY(log10) UNARY(log1p) UNARY(sqrt) UNARY(cbrt)
UNARY(sin) UNARY(cos) UNARY(tan) UNARY(asin) UNARY(acos) UNARY(atan) UNARY(sinh) UNARY(cosh) UNARY(tanh)
UNARY(asinh) UNARY(acosh) UNARY(atanh) UNARY(floor) UNARY(ceil) UNARY(trunc) UNARY(rint) UNARY(fabs)
UNARY(erf) UNARY(erfc) UNARY(lgamma)
BINARY(pow) BINARY(fmod) BINARY(atan2) BINARY(hypot) BINARY(copysign) BINARY(nextafter)

FN float infinity(float) { return float_of(0x7f800000u); }
FN double infinity(double) { return double_of(0x7ff0000000000000ull); }
FN float least(float) { return -infinity(0.0f); }
FN double least(double) { return -infinity(0.0); }
FN bool least(bool) { return false; }
FN unsigned char least(unsigned char) { return 0; }
FN unsigned short least(unsigned short) { return 0; }
FN unsigned least(unsigned) { return 0; }
FN unsigned long long least(unsigned long long) { return 0; }
FN signed char least(signed char) { return -128; }
FN short least(short) { return -32768; }
FN int least(int) { return -2147483647 - 1; }
FN long long least(long long) { return -9223372036854775807LL - 1; }
template <class T> FN T greatest(T x) { return (T)~least(x); }
FN float greatest(float) { return infinity(0.0f); }
FN double greatest(double) { return infinity(0.0); }
FN bool greatest(bool) { return true; }
FN unsigned char greatest(unsigned char) { return 255; }
FN unsigned short greatest(unsigned short) { return 65535; }

template <class T> FN bool is_nan(T x) { return x != x; }
template <class T> FN T maximum(T a, T b) { return a >= b || a != a ? a : b; }
template <class T> FN T minimum(T a, T b) { return a <= b || a != a ? a : b; }
template <class T> FN T larger_number(T a, T b) { return a >= b || b != b ? a : b; }
template <class T> FN T smaller_number(T a, T b) { return a <= b || b != b ? a : b; }
template <class T> FN T clip(T x, T low, T high) {
  x = x != x || x > low ? x : low;
  return x != x || x < high ? x : high;
}
template <class T> FN T absolute(T x) { return x < 0 ? (T)-x : x; }
FN float absolute(float x) { return fabsf(x); }
FN double absolute(double x) { return fabs(x); }
FN bool absolute(bool x) { return x; }
template <class T> FN T sign(T x) { return x != x ? x : (T)((x > 0) - (x < 0)); }
template <class T> FN T heaviside(T x, T y) { return x != x ? x : x == 0 ? y : (T)(x > 0); }

template <class T> FN T float_remainder(T a, T b) {
  T r = m_fmod(a, b);
  if (b == 0) return r;
  if (r == 0) return m_copysign((T)0, b);
  return (b < 0) != (r < 0) ? r + b : r;
}
template <class T> FN T float_floor_divide(T a, T b) {
  if (b == 0) return a / b;
  T r = m_fmod(a, b), q = (a - r) / b;
  if (r != 0 && (b < 0) != (r < 0)) q -= 1;
  if (q == 0) return m_copysign((T)0, a / b);
  T whole = m_floor(q);
  return q - whole > (T)0.5 ? whole + 1 : whole;
}
template <class T> FN T int_floor_divide(T a, T b) {
  if (b == 0) return 0;
  if (b == (T)-1 && (T)-1 < (T)0) return (T)(0 - a);
  T q = (T)(a / b);
  return (a % b != 0 && (a < 0) != (b < 0)) ? (T)(q - 1) : q;
}
template <class T> FN T int_remainder(T a, T b) {
  if (b == 0 || b == (T)-1 && (T)-1 < (T)0) return 0;
  T r = (T)(a % b);
  return r != 0 && (a < 0) != (b < 0) ? (T)(r + b) : r;
}
template <class T> FN T int_fmod(T a, T b) { return b == 0 || b == (T)-1 && (T)-1 < (T)0 ? (T)0 : (T)(a % b); }
template <class T> FN T int_power(T a, T b) {
  T found = 1;
  for (; b > 0; b >>= 1, a = (T)(a * a)) if (b & 1) found = (T)(found * a);
  return found;
}
template <class T> FN T shift_left(T a, T b) {
  return (unsigned long long)b < 8 * sizeof(T) ? (T)((unsigned long long)a << b) : (T)0;
}
template <class T> FN T shift_right(T a, T b) {
  return (unsigned long long)b < 8 * sizeof(T) ? (T)(a >> b) : a < 0 ? (T)-1 : (T)0;
}
FN unsigned long long gcd_of(unsigned long long a, unsigned long long b) {
  while (a != 0) { unsigned long long rest = b % a; b = a; a = rest; }
  return b;
}
template <class T> FN unsigned long long size_of(T x) { return x < 0 ? 0 - (unsigned long long)x : (unsigned long long)x; }
template <class T> FN T gcd(T a, T b) { return (T)gcd_of(size_of(a), size_of(b)); }
template <class T> FN T lcm(T a, T b) { T d = gcd(a, b); return d == 0 ? (T)0 : absolute((T)(a / d * b)); }
template <class T> FN T logaddexp(T a, T b) {
  if (a == b) return a + (T)0.693147180559945309417;
  T d = a - b;
  return d > 0 ? a + m_log1p(m_exp(-d)) : d <= 0 ? b + m_log1p(m_exp(d)) : d;
}
template <class T> FN T logaddexp2(T a, T b) {
  if (a == b) return a + 1;
  T d = a - b, scale = (T)1.442695040888963407360;
  return d > 0 ? a + scale * m_log1p(m_exp2(-d)) : d <= 0 ? b + scale * m_log1p(m_exp2(d)) : d;
}
"""
