/* A network as a careful C programmer writes it on a BLAS: products by sgemm, OpenBLAS's or with -DONEDNN that of oneDNN,
   all else plain loops that the compiler turns into vectors. The loss follows from the targets: numbers (train_y.f32) have
   the mean squared error; of classes (train_y.u8) one output has binary cross-entropy of its logit, several have softmax
   cross-entropy. Arguments: SIZES ACTIVATION BATCH EPOCHS DATA, without epochs it only predicts; the
   number of threads is OPENBLAS_NUM_THREADS. */
#define _GNU_SOURCE
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112, MOST_LAYERS = 8 };
#ifdef ONEDNN
int dnnl_sgemm(char trans_a, char trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
               const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
static void sgemm(int trans_a, int trans_b, int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                  float beta, float *c, int ldc) {
    dnnl_sgemm(trans_a == PLAIN ? 'N' : 'T', trans_b == PLAIN ? 'N' : 'T', m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}
#else
void scipy_cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                       const float *b, int ldb, float beta, float *c, int ldc);
static void sgemm(int trans_a, int trans_b, int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                  float beta, float *c, int ldc) {
    scipy_cblas_sgemm(ROW_MAJOR, trans_a, trans_b, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}
#endif

typedef struct {
    int in, out;
    float *w, *b;   /* in x out, out */
    float *dw, *db; /* their gradients */
} Layer;

static int layers, sizes[MOST_LAYERS + 1], sigmoid, batch, epochs;
static int numbers, targets; /* whether targets are numbers; how many values of them a row has */
static Layer layer[MOST_LAYERS];
static float *parameters, *gradient, *first, *second;
static size_t count;
static float *z[MOST_LAYERS + 1], *delta[MOST_LAYERS + 1];

static void *array(size_t values) {
    size_t bytes = (values * sizeof(float) + 127) / 64 * 64;
    void *memory = aligned_alloc(64, bytes);
    if (!memory) abort();
    return memset(memory, 0, bytes);
}

static void *file(const char *folder, const char *name, size_t *bytes) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "rb");
    if (!in) { perror(path); exit(1); }
    fseek(in, 0, SEEK_END);
    *bytes = ftell(in);
    rewind(in);
    void *memory = array(*bytes / sizeof(float) + 1);
    if (fread(memory, 1, *bytes, in) != *bytes) { perror(path); exit(1); }
    fclose(in);
    return memory;
}

static float *as_floats(const uint8_t *labels, size_t rows) {
    float *values = array(rows);
    for (size_t i = 0; i < rows; i++) values[i] = labels[i];
    return values;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static uint64_t state = 1;
static uint64_t random_bits(void) {
    uint64_t x = state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Logits, then probabilities (numbers stay as they are), of `rows` rows of z[0]. */
static void forward(int rows) {
    for (int l = 0; l < layers; l++) {
        const Layer *at = &layer[l];
        float *out = z[l + 1];
        for (int r = 0; r < rows; r++) memcpy(out + (size_t)r * at->out, at->b, at->out * sizeof(float));
        sgemm(PLAIN, PLAIN, rows, at->out, at->in, z[l], at->in, at->w, at->out, 1, out, at->out);
        size_t values = (size_t)rows * at->out;
        if (l + 1 == layers) break;
        if (sigmoid) for (size_t i = 0; i < values; i++) out[i] = 1 / (1 + expf(-out[i]));
        else for (size_t i = 0; i < values; i++) out[i] = fmaxf(out[i], 0);
    }
    int classes = sizes[layers];
    if (numbers) return;
    if (classes == 1) {
        for (int r = 0; r < rows; r++) z[layers][r] = 1 / (1 + expf(-z[layers][r]));
        return;
    }
    for (int r = 0; r < rows; r++) {
        float *p = z[layers] + (size_t)r * classes, top = p[0], sum = 0;
        for (int k = 1; k < classes; k++) top = fmaxf(top, p[k]);
        for (int k = 0; k < classes; k++) sum += p[k] = expf(p[k] - top);
        for (int k = 0; k < classes; k++) p[k] /= sum;
    }
}

static void backward(int rows, const float *target) {
    int classes = sizes[layers];
    if (numbers || classes == 1) {
        float scale = (numbers ? 2.0f : 1.0f) / (rows * classes);
        for (int i = 0; i < rows * classes; i++) delta[layers][i] = scale * (z[layers][i] - target[i]);
    } else {
        for (int r = 0; r < rows; r++)
            for (int k = 0; k < classes; k++)
                delta[layers][r * classes + k] = (z[layers][r * classes + k] - (target[r] == k)) / rows;
    }
    for (int l = layers - 1; l >= 0; l--) {
        const Layer *at = &layer[l];
        const float *d = delta[l + 1];
        sgemm(TRANSPOSED, PLAIN, at->in, at->out, rows, z[l], at->in, d, at->out, 0, at->dw, at->out);
        memset(at->db, 0, at->out * sizeof(float));
        for (int r = 0; r < rows; r++)
            for (int k = 0; k < at->out; k++) at->db[k] += d[(size_t)r * at->out + k];
        if (l == 0) break;
        sgemm(PLAIN, TRANSPOSED, rows, at->in, at->out, d, at->out, at->w, at->out, 0, delta[l], at->in);
        size_t values = (size_t)rows * at->in;
        float *restrict below = delta[l];
        const float *restrict out = z[l];
        if (sigmoid) for (size_t i = 0; i < values; i++) below[i] *= out[i] * (1 - out[i]);
        else for (size_t i = 0; i < values; i++) below[i] = out[i] > 0 ? below[i] : 0;
    }
}

static void adam(long t) {
    float *restrict w = parameters, *restrict m = first, *restrict v = second;
    const float *restrict g = gradient;
    float rate = 1e-3 / (1 - pow(0.9, t)), scale = 1 / sqrt(1 - pow(0.999, t));
    for (size_t i = 0; i < count; i++) {
        m[i] = 0.9f * m[i] + 0.1f * g[i];
        v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
        w[i] -= rate * m[i] / (sqrtf(v[i]) * scale + 1e-8f);
    }
}

static void start(void) {
    memset(parameters, 0, count * sizeof(float));
    memset(first, 0, count * sizeof(float));
    memset(second, 0, count * sizeof(float));
    for (int l = 0; l < layers; l++) {
        float limit = sqrtf(6.0f / (sizes[l] + sizes[l + 1]));
        for (int i = 0; i < sizes[l] * sizes[l + 1]; i++)
            layer[l].w[i] = limit * ((random_bits() >> 40) / 8388608.0f - 1);
    }
}

/* Seconds of the training loop. */
static double train(const float *x, const float *y, int rows, int passes, int most_steps) {
    int *order = malloc(rows * sizeof *order), width = sizes[0];
    float *target = malloc((size_t)batch * targets * sizeof(float));
    for (int i = 0; i < rows; i++) order[i] = i;
    start();
    double begin = now();
    long t = 0;
    for (int pass = 0; pass < passes; pass++) {
        for (int i = rows - 1; i > 0; i--) {
            int j = random_bits() % (i + 1), held = order[i];
            order[i] = order[j];
            order[j] = held;
        }
        for (int at = 0, step = 0; at < rows && step < most_steps; at += batch, step++) {
            int n = rows - at < batch ? rows - at : batch;
            for (int i = 0; i < n; i++) {
                memcpy(z[0] + (size_t)i * width, x + (size_t)order[at + i] * width, width * sizeof(float));
                memcpy(target + (size_t)i * targets, y + (size_t)order[at + i] * targets, targets * sizeof(float));
            }
            forward(n);
            backward(n, target);
            adam(++t);
        }
    }
    double seconds = now() - begin;
    free(order);
    free(target);
    return seconds;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median seconds of predictions of `rows` rows from test set `x`, after a tenth as many. */
static double predict(float *x, int calls, int rows, int step) {
    double *seconds = malloc(calls * sizeof *seconds);
    for (int i = -calls / 10 - 1; i < calls; i++) {
        z[0] = x + (size_t)(i < 0 ? 0 : i % 1000) * step;
        double begin = now();
        forward(rows);
        if (i >= 0) seconds[i] = now() - begin;
    }
    qsort(seconds, calls, sizeof *seconds, ascending);
    double median = seconds[calls / 2];
    free(seconds);
    return median;
}

static void lay_out(int most_rows) {
    for (int l = 0; l < layers; l++) count += (size_t)sizes[l] * sizes[l + 1] + sizes[l + 1];
    parameters = array(count);
    gradient = array(count);
    first = array(count);
    second = array(count);
    size_t at = 0;
    for (int l = 0; l < layers; l++) {
        size_t weights = (size_t)sizes[l] * sizes[l + 1];
        layer[l] = (Layer){sizes[l], sizes[l + 1], parameters + at, 0, gradient + at, 0};
        at += weights;
    }
    for (int l = 0; l < layers; at += sizes[++l]) { /* biases last, so that the weights stay aligned */
        layer[l].b = parameters + at;
        layer[l].db = gradient + at;
    }
    for (int l = 0; l <= layers; l++) {
        z[l] = array((size_t)(l ? most_rows : batch) * sizes[l]); /* the test set stands in for z[0] */
        delta[l] = array((size_t)batch * sizes[l]);
    }
}

int main(int argc, char **argv) {
    if (argc < 6) return fprintf(stderr, "SIZES ACTIVATION BATCH EPOCHS DATA\n"), 2;
    for (char *size = strtok(argv[1], "-"); size; size = strtok(NULL, "-")) sizes[layers++] = atoi(size);
    layers--;
    sigmoid = !strcmp(argv[2], "sigmoid");
    batch = atoi(argv[3]);
    epochs = atoi(argv[4]);
    size_t rows, test_rows, bytes;
    float *x = file(argv[5], "train_x.f32", &rows), *test_x = file(argv[5], "test_x.f32", &test_rows);
    rows /= sizes[0] * sizeof(float);
    test_rows /= sizes[0] * sizeof(float);
    char path[4096];
    snprintf(path, sizeof path, "%s/train_y.f32", argv[5]);
    numbers = access(path, R_OK) == 0;
    targets = numbers ? sizes[layers] : 1;
    float *y = numbers ? file(argv[5], "train_y.f32", &bytes) : as_floats(file(argv[5], "train_y.u8", &bytes), rows);
    uint8_t *test_y = numbers ? NULL : file(argv[5], "test_y.u8", &bytes);
    lay_out(test_rows > (size_t)batch ? (int)test_rows : batch);

    train(x, y, rows, 1, 40);
    if (epochs == 0) {
        double one = predict(test_x, 3000, 1, sizes[0]), all = predict(test_x, 15, test_rows, 0);
        printf("{\"one_row_us\":%.4f,\"all_rows_ms\":%.4f}\n", 1e6 * one, 1e3 * all);
        return 0;
    }
    double seconds = train(x, y, rows, epochs, rows);

    if (numbers) return printf("{\"train_s\":%.6f}\n", seconds), 0;
    z[0] = test_x;
    forward(test_rows);
    int right = 0, classes = sizes[layers];
    for (size_t r = 0; r < test_rows; r++) {
        const float *p = z[layers] + r * classes;
        int best = 0;
        for (int k = 1; k < classes; k++) best = p[k] > p[best] ? k : best;
        if (classes == 1) best = p[0] > 0.5f;
        right += best == test_y[r];
    }
    printf("{\"train_s\":%.6f,\"accuracy\":%.4f}\n", seconds, (double)right / test_rows);
    return 0;
}
