/* Classifies a handwritten digit with a network that is defined in Rust, and tries what is wrong. */

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "networks.h"

static void expect_error(const char *words, const char *found) {
    if (strstr(found, words) == NULL) {
        fprintf(stderr, "expected \"%s\" in \"%s\"\n", words, found);
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "arguments: weights, a digit as PGM, a file to write\n");
        return 1;
    }
    assert(strcmp(lenet_error(), "") == 0);
    lenet *net = lenet_load(argv[1]);
    if (net == NULL) {
        fprintf(stderr, "%s\n", lenet_error());
        return 1;
    }

    /* A header of three lines, then a byte for each pixel. */
    unsigned char file[13 + 28 * 28];
    FILE *digit = fopen(argv[2], "rb");
    assert(digit != NULL && fread(file, 1, sizeof file, digit) == sizeof file);
    fclose(digit);
    lenet_input x[2] = {{0}};
    for (size_t i = 0; i < 28 * 28; i++)
        x[1][i] = ((float)file[13 + i] / 255.0f - 0.1306605f) / 0.3081078f;

    lenet_output y, both[2];
    assert(lenet_forward(net, x[1], y) == 0);
    assert(lenet_forward_batch(net, x[0], both[0], 2) == 0);
    assert(lenet_forward_batch(net, NULL, NULL, 0) == 0);
    int class = 0;
    for (int i = 0; i < 10; i++) {
        assert(fabsf(y[i] - both[1][i]) < 1e-4f);
        if (y[i] > y[class])
            class = i;
    }
    printf("class %d\n", class);

    /* Written and read again it is the same network. */
    assert(lenet_save(net, argv[3]) == 0);
    lenet *copy = lenet_load(argv[3]);
    lenet_output again;
    assert(copy != NULL && lenet_forward(copy, x[1], again) == 0);
    assert(memcmp(y, again, sizeof y) == 0);
    lenet_free(copy);

    /* What is wrong is an error, with a sentence. */
    assert(lenet_load("no/such/file") == NULL);
    expect_error("no/such/file", lenet_error());
    assert(lenet_load(argv[2]) == NULL);
    expect_error("no safetensors file", lenet_error());
    assert(lenet_load(NULL) == NULL);
    expect_error("`path` is NULL", lenet_error());
    assert(lenet_load("\xff") == NULL);
    expect_error("no UTF-8", lenet_error());
    assert(lenet_save(net, "no/such/folder/file") == -1);
    expect_error("no/such/folder", lenet_error());
    assert(lenet_forward(NULL, x[1], y) == -1);
    expect_error("`net` is NULL", lenet_error());
    assert(lenet_forward(net, NULL, y) == -1);
    expect_error("`x` is NULL", lenet_error());
    assert(lenet_forward(net, x[1], NULL) == -1);
    expect_error("`y` is NULL", lenet_error());
    assert(lenet_forward_batch(net, x[0], both[0], SIZE_MAX / 8) == -1);
    expect_error("larger than the memory", lenet_error());
    assert(lenet_forward(net, (const float *)((const char *)x + 1), y) == -1);
    expect_error("multiple of 4 bytes", lenet_error());
    lenet_free(net);
    lenet_free(NULL);

    two_inputs *two = two_inputs_init(7);
    two_inputs_input a_and_b = {0.0, 0.5, 1.0, -1.0, 2.0};
    two_inputs_output parts;
    assert(two != NULL && two_inputs_forward(two, a_and_b, parts) == 0);
    for (int i = 0; i < 5; i++) {
        assert(parts[i] == a_and_b[i]);
        assert(fabs(parts[5 + i] - tanh(a_and_b[i])) < 1e-12);
    }
    two_inputs_free(two);
    return 0;
}
