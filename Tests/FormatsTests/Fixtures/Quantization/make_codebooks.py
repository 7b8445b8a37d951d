"""Writes the sets of vectors that stand in Sources/Formats/Elements/Codebooks/Codebook+Sets.swift.

Made with gguf 0.19.0 and numpy 1.26.4: python make_codebooks.py  (prints a name, then the lines of the literal)

A vector's elements are digits, the first the lowest; its number n sets bit n; six bits make a character, lowest first.
"""

import textwrap

import gguf.quants
import numpy as np

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

for name in ["IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S"]:
    kind = getattr(gguf.quants, name)
    kind.init_grid()
    vectors = kind.grid.reshape(kind.grid_shape)
    levels, digits = np.unique(vectors, return_inverse=True)
    digits = digits.reshape(vectors.shape)
    numbers = (digits * len(levels) ** np.arange(vectors.shape[1])).sum(axis=1)
    # The order of the numbers is the order of the codebook, so that the set alone says it.
    assert (np.diff(numbers) > 0).all()
    bits = np.zeros((len(levels) ** vectors.shape[1] + 5) // 6 * 6, int)
    bits[numbers] = 1
    text = "".join(ALPHABET[index] for index in bits.reshape(-1, 6) @ (1 << np.arange(6)))
    print(name, levels.astype(int).tolist(), *textwrap.wrap(text.rstrip("A"), 92), sep="\n")
