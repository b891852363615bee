/* SuiteSparse KLU on the systems of a model: analyze and factor once, then refactor and solve for every theta.
 *
 * usage: klu FILE SECONDS
 *
 * FILE is binary, native byte order: int64 n, entries, thetas; int32 column starts (n + 1); int32 rows (entries);
 * double values (thetas x entries); double start (n).
 * Prints one JSON object; times are microseconds, the least over repetitions, per theta where it says so.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "klu.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static void fail(const char *message) {
    fprintf(stderr, "klu: %s\n", message);
    exit(1);
}

static void *read_block(FILE *file, size_t size, size_t count) {
    void *block = malloc(size * count);
    if (block == NULL || fread(block, size, count, file) != count) fail("cannot read the systems");
    return block;
}

int main(int argc, char **argv) {
    if (argc != 3) fail("usage: klu FILE SECONDS");
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL) fail("cannot open the file");
    double budget = 1e6 * atof(argv[2]);
    int64_t *sizes = read_block(file, sizeof(int64_t), 3);
    int n = (int)sizes[0];
    size_t entries = (size_t)sizes[1], thetas = (size_t)sizes[2];
    int *columns = read_block(file, sizeof(int), (size_t)n + 1);
    int *rows = read_block(file, sizeof(int), entries);
    double *values = read_block(file, sizeof(double), thetas * entries);
    double *start = read_block(file, sizeof(double), (size_t)n);
    fclose(file);

    klu_common common;
    klu_defaults(&common);
    double first = 1e300;
    klu_symbolic *symbolic = NULL;
    klu_numeric *numeric = NULL;
    for (int repeat = 0; repeat < 3; repeat++) {
        if (numeric != NULL) klu_free_numeric(&numeric, &common);
        if (symbolic != NULL) klu_free_symbolic(&symbolic, &common);
        double begin = now();
        symbolic = klu_analyze(n, columns, rows, &common);
        if (symbolic == NULL) fail("analyze failed");
        numeric = klu_factor(columns, rows, values, symbolic, &common);
        double time = now() - begin;
        if (time < first) first = time;
    }
    if (numeric == NULL) fail("factor failed");
    klu_flops(symbolic, numeric, &common);

    double *x = malloc(sizeof(double) * (size_t)n);
    double *y = malloc(sizeof(double) * (size_t)n);
    /* Refactor, solves with A, transposed solves. */
    const int kinds[3][2] = {{1, 0}, {1, 1}, {4, 0}};
    double best[3] = {1e300, 1e300, 1e300};
    double *means = malloc(sizeof(double) * thetas);
    for (int kind = 0; kind < 3; kind++) {
        double begin = now();
        for (int repeat = 0; repeat < 2 || now() - begin < budget; repeat++) {
            double from = now();
            for (size_t theta = 0; theta < thetas; theta++) {
                if (!klu_refactor(columns, rows, values + theta * entries, symbolic, numeric, &common))
                    fail("refactor failed");
                for (int i = 0; i < n; i++) x[i] = 1.0;
                for (int k = 0; k < kinds[kind][0]; k++) {
                    for (int i = 0; i < n; i++) x[i] *= k + 1.0;
                    klu_solve(symbolic, numeric, n, 1, x, &common);
                }
                if (kinds[kind][1]) {
                    memcpy(y, start, sizeof(double) * (size_t)n);
                    klu_tsolve(symbolic, numeric, n, 1, y, &common);
                }
                if (kind == 0) {
                    double mean = 0.0;
                    for (int i = 0; i < n; i++) mean += start[i] * x[i];
                    means[theta] = mean;
                }
            }
            double time = (now() - from) / (double)thetas;
            if (time < best[kind]) best[kind] = time;
        }
    }
    printf("{\"first\": %.3f, \"value\": %.4f, \"gradient\": %.4f, \"moments4\": %.4f, \"multiply_adds\": %.0f, "
           "\"means\": [", first, best[0], best[1], best[2], common.flops / 2.0);
    for (size_t theta = 0; theta < thetas; theta++) printf("%s%.17g", theta ? ", " : "", means[theta]);
    printf("]}\n");
    return 0;
}
