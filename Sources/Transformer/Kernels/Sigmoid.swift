/// σ(x) = 1 / (1 + e^(−x)) of one value.
package func sigmoidForward(_ x: Float) -> Float { 1 / (1 + exponential(-x)) }
