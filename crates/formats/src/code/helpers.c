section: fma
/* a b + c, rounded once where the target has an instruction for it. */
#if defined(FP_FAST_FMAF) || defined(__FP_FAST_FMAF)
#define FMA(a, b, c) fmaf((a), (b), (c))
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif
section: greater
static float greater(float a, float b) { return a > b ? a : b; }
section: less
static float less(float a, float b) { return a < b ? a : b; }
section: bits
union bits { float number; int32_t whole; };
section: scale_by_power needs bits
/* a 2^n, rounded once: two factors, since 2^n alone may be no normal number. */
static float scale_by_power(float a, float exponent) {
    const int n = exponent == exponent ? (int)exponent : 0;
    const int half = n >= 0 ? n / 2 : -((1 - n) / 2);
    union bits first, second;
    first.whole = (int32_t)(half + 127) * 8388608;
    second.whole = (int32_t)(n - half + 127) * 8388608;
    return a * first.number * second.number;
}
section: exponent needs bits
static float exponent(float a) {
    union bits x;
    x.number = a;
    x.whole -= 0x3f3504f3;
    return (float)(x.whole >= 0 ? x.whole / 8388608 : -((8388607 - x.whole) / 8388608));
}
section: mantissa needs bits exponent
static float mantissa(float a) {
    union bits x;
    x.number = a;
    x.whole -= (int32_t)exponent(a) * 8388608;
    return x.number;
}
section: dense needs fma
/* W z + b: weights input by input; one chain of sums for each output. */
static void dense(const float *restrict z, int inputs, const float *restrict w, const float *restrict b, int outputs,
                  float *restrict out) {
    int i, o;
    for (o = 0; o < outputs; o++) out[o] = 0.0f;
    for (i = 0; i < inputs; i++) {
        const float x = z[i];
        for (o = 0; o < outputs; o++) out[o] = FMA(x, w[o], out[o]);
        w += outputs;
    }
    if (b) for (o = 0; o < outputs; o++) out[o] += b[o];
}
section: dense_int8 needs fma
/* W z + b with W = q s: whole numbers q of a byte, a scale s for each output. */
static void dense_int8(const float *restrict z, int inputs, const signed char *restrict w, const float *restrict s,
                       const float *restrict b, int outputs, float *restrict out) {
    int i, o;
    for (o = 0; o < outputs; o++) out[o] = 0.0f;
    for (i = 0; i < inputs; i++) {
        const float x = z[i];
        for (o = 0; o < outputs; o++) out[o] = FMA(x, (float)w[o], out[o]);
        w += outputs;
    }
    for (o = 0; o < outputs; o++) out[o] *= s[o];
    if (b) for (o = 0; o < outputs; o++) out[o] += b[o];
}
section: lanes
/* The sum of sixteen numbers as a tree. */
static float sum_of_lanes(float *lanes) {
    int half, i;
    for (half = 8; half > 0; half /= 2)
        for (i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
}
section: grouped needs fma lanes
/* Dense layers of equal parts of z; the bias of each output stands behind its weights. */
static void grouped(const float *z, int groups, int inputs, int outputs, const float *w, float *out) {
    int g, o, i, lane;
    for (g = 0; g < groups; g++)
        for (o = 0; o < outputs; o++) {
            float lanes[16];
            for (lane = 0; lane < 16; lane++) lanes[lane] = 0.0f;
            for (i = 0; i < inputs; i++) lanes[i % 16] = FMA(w[i], z[g * inputs + i], lanes[i % 16]);
            *out++ = sum_of_lanes(lanes) + w[inputs];
            w += inputs + 1;
        }
}
section: layer_norm needs fma lanes
static void layer_norm(const float *z, int n, float one_nth, float epsilon, float *out) {
    float lanes[16], mean, r;
    int i, lane;
    for (lane = 0; lane < 16; lane++) lanes[lane] = 0.0f;
    for (i = 0; i < n; i++) lanes[i % 16] += z[i];
    mean = sum_of_lanes(lanes) * one_nth;
    for (lane = 0; lane < 16; lane++) lanes[lane] = 0.0f;
    for (i = 0; i < n; i++) {
        out[i] = z[i] - mean;
        lanes[i % 16] = FMA(out[i], out[i], lanes[i % 16]);
    }
    r = 1.0f / sqrtf(sum_of_lanes(lanes) * one_nth + epsilon);
    for (i = 0; i < n; i++) out[i] *= r;
}
section: batch_norm
static void batch_norm(const float *z, int n, const float *mean, const float *inverse, float *out) {
    int i;
    for (i = 0; i < n; i++) out[i] = (z[i] - mean[i]) * inverse[i];
}
section: scale needs fma
static void scale(const float *z, int n, const float *w, const float *b, float *out) {
    int i;
    for (i = 0; i < n; i++) out[i] = FMA(w[i], z[i], b[i]);
}
section: gain
static void gain(const float *z, int n, const float *w, float *out) {
    int i;
    for (i = 0; i < n; i++) out[i] = w[i] * z[i];
}
section: prelu needs fma
static void prelu(const float *z, int n, const float *a, float *out) {
    int i;
    for (i = 0; i < n; i++) out[i] = FMA(a[i], z[i] < 0.0f ? z[i] : 0.0f, z[i] > 0.0f ? z[i] : 0.0f);
}
section: leak needs fma
static void leak(const float *z, int n, float a, float *out) {
    int i;
    for (i = 0; i < n; i++) out[i] = FMA(a, z[i] < 0.0f ? z[i] : 0.0f, z[i] > 0.0f ? z[i] : 0.0f);
}
section: waves needs fma cos_turn
static void waves(const float *z, int n, int count, const float *w, const float *b, float *out) {
    int i;
    for (i = 0; i < n; i++) out[i] = cos_turn(FMA(w[i], z[i / count], b[i]));
}
section: piecewise needs fma
static void piecewise(const float *z, int n, int bins, int width, const float *e, const float *sums, const float *v, float *out) {
    int i, j, t;
    for (j = 0; j < n; j++) {
        const float *of_sums = sums + j * (bins + 1) * width, *of_v = v + j * (bins + 1) * width;
        float share;
        for (t = 0; t + 1 < bins && !(e[t + 1] > z[j]);) t++;
        share = (z[j] - e[t]) / (e[t + 1] - e[t]);
        share = share < 0.0f ? 0.0f : share > 1.0f ? 1.0f : share;
        for (i = 0; i < width; i++) out[j * width + i] = FMA(share, of_v[(t + 1) * width + i], of_sums[t * width + i]);
    }
}
section: maxout
static void maxout(const float *z, int n, int pieces, float *out) {
    int i, piece;
    for (i = 0; i < n; i++) {
        out[i] = z[i];
        for (piece = 1; piece < pieces; piece++) out[i] = out[i] > z[piece * n + i] ? out[i] : z[piece * n + i];
    }
}
section: outer
static void outer(const float *z, int n, float *out) {
    int i, j;
    for (i = 0; i < n; i++)
        for (j = 0; j < n; j++) *out++ = z[i] * z[j];
}
section: copy
static void copy(const float *z, int first, int n, float *out, int to) {
    int i;
    for (i = 0; i < n; i++) out[to + i] = z[first + i];
}
section: add
static void add(const float *z, int n, float *out) {
    int i;
    for (i = 0; i < n; i++) out[i] += z[i];
}
section: multiply
static void multiply(const float *z, int n, float *out) {
    int i;
    for (i = 0; i < n; i++) out[i] *= z[i];
}
section: divide
static void divide(int n, float by, float *out) {
    int i;
    for (i = 0; i < n; i++) out[i] /= by;
}
section: blend needs fma
/* z + a (s - z), s in out. */
static void blend(const float *z, int n, const float *a, float *out) {
    int i;
    for (i = 0; i < n; i++) out[i] = FMA(a[i], out[i] - z[i], z[i]);
}
section: embedding
static void embedding(const float *z, int n, int width, const float *table, float *out) {
    int i, j;
    for (i = 0; i < n; i++)
        for (j = 0; j < width; j++) *out++ = table[(int)z[i] * width + j];
}
section: softmax needs exp lanes
/* With a reference class, its logit is 0 and its probability the last. */
static void softmax(const float *z, int n, int reference, float *out) {
    float lanes[16], max = reference ? 0.0f : z[0], sum;
    int i, lane;
    for (i = 0; i < n; i++) max = max > z[i] ? max : z[i];
    for (lane = 0; lane < 16; lane++) lanes[lane] = 0.0f;
    for (i = 0; i < n; i++) {
        out[i] = function_exp(z[i] - max);
        lanes[i % 16] += out[i];
    }
    sum = sum_of_lanes(lanes) + (reference ? function_exp(-max) : 0.0f);
    for (i = 0; i < n; i++) out[i] *= 1.0f / sum;
    if (reference) out[n] = function_exp(-max) / sum;
}
section: scale_input
static void scale_input(const float *input, int n, float by, float *out) {
    int i;
    for (i = 0; i < n; i++) out[i] = input[i] * by;
}
section: standardise
static void standardise(const float *input, int n, float by, const double *mean, const double *deviation, float *out) {
    int i;
    for (i = 0; i < n; i++) out[i] = (float)(((double)(input[i] * by) - mean[i]) / deviation[i]);
}
section: linear
static void linear(double x, double fill, double centre, double factor, float *out) {
    *out = (float)(((x == x ? x : fill) - centre) * factor);
}
section: clipped
static void clipped(double x, double fill, double centre, double factor, float *out) {
    double r = ((x == x ? x : fill) - centre) * factor;
    r = r < -1e100 ? -1e100 : r > 1e100 ? 1e100 : r;
    *out = (float)(r / sqrt(1.0 + (r / 3.0) * (r / 3.0)));
}
section: rank
/* How many of the ascending numbers are below x, or are x where `equal` is 1. */
static int rank(const double *numbers, int count, double x, int equal) {
    int from = 0, to = count;
    while (from < to) {
        const int middle = (from + to) / 2;
        if (numbers[middle] < x || (equal && numbers[middle] == x)) from = middle + 1; else to = middle;
    }
    return from;
}
section: logarithm
/* Of a number above 0, by the series of the inverse hyperbolic tangent. */
static double logarithm(double x) {
    double s, square, power, sum = 0.0;
    int exponent = 0, i;
    for (; x < 0.75; x *= 2.0) exponent--;
    s = (x - 1.0) / (x + 1.0);
    square = s * s;
    for (power = s, i = 1; i < 25; power *= square, i += 2) sum += power / i;
    return 2.0 * sum + exponent * 0.6931471805599453;
}
section: polynomial
static double polynomial(const double *coefficients, double x) {
    double sum = 0.0;
    int i;
    for (i = 0; i < 6; i++) sum = sum * x + coefficients[i];
    return sum;
}
section: quantile needs rank logarithm polynomial
/* z such that as large a share of the normal distribution is below it as of the training rows is below x. */
static void quantile(double x, double fill, const double *quantiles, int count, const double *c, float *out) {
    const double last = count - 1, number = x == x ? x : fill;
    const int from = rank(quantiles, count, number, 0), to = rank(quantiles, count, number, 1);
    double p, q;
    if (from < to) p = (from + to - 1) / 2.0 / last;
    else if (from == 0) p = 0.0;
    else if (from == count) p = 1.0;
    else p = ((from - 1) + (number - quantiles[from - 1]) / (quantiles[from] - quantiles[from - 1])) / last;
    p = p < 1e-7 ? 1e-7 : p > 1.0 - 1e-7 ? 1.0 - 1e-7 : p;
    if (p < 0.02425 || p > 1.0 - 0.02425) {
        q = sqrt(-2.0 * logarithm(p < 0.5 ? p : 1.0 - p));
        q = polynomial(c + 12, q) / polynomial(c + 18, q);
        *out = (float)(p < 0.5 ? q : -q);
    } else {
        q = p - 0.5;
        *out = (float)(polynomial(c, q * q) * q / polynomial(c + 6, q * q));
    }
}
section: part_of_date
/* Year, month, day, weekday (1 is Monday), hour, or days since the earliest, of seconds since 1970-01-01. The year begins with March, so
   that a leap day is its last. */
static double part_of_date(double seconds, int part, double earliest) {
    const double days = floor(seconds / 86400.0), since = days + 719468.0, era = floor(since / 146097.0);
    const double of_era = since - era * 146097.0;
    const double leaps = floor(of_era / 36524.0) - floor(of_era / 1460.0) - floor(of_era / 146096.0);
    const double year = floor((of_era + leaps) / 365.0);
    const double day = of_era - (365.0 * year + floor(year / 4.0) - floor(year / 100.0));
    const double month = floor((5.0 * day + 2.0) / 153.0);
    if (seconds != seconds) return seconds;
    switch (part) {
        case 0: return year + era * 400.0 + (month >= 10.0 ? 1.0 : 0.0);
        case 1: return month < 10.0 ? month + 3.0 : month - 9.0;
        case 2: return day - floor((153.0 * month + 2.0) / 5.0) + 1.0;
        case 3: return days + 4.0 - 7.0 * floor((days + 3.0) / 7.0);
        case 4: return (seconds - days * 86400.0) / 3600.0;
        default: return (seconds - earliest) / 86400.0;
    }
}
section: missing
static void missing(double x, float *out) { *out = x == x ? 0.0f : 1.0f; }
section: repeated needs level
/* The inputs of a number that is one of these, ascending; the last row is that of all others. */
static void repeated(double x, const double *values, int count, int width, const float *table, float *out) {
    int i = 0;
    while (i < count && values[i] != x) i++;
    level(i, count, width, table, out);
}
section: level
/* The inputs of the name with this number; the last row is that of a missing name, the one before it that of all others. */
static void level(double x, int names, int width, const float *table, float *out) {
    int i, row = x == x ? (x >= 0 && x < names ? (int)x : names) : names + 1;
    if (x == names + 1) row = names + 1;
    for (i = 0; i < width; i++) out[i] = table[row * width + i];
}
