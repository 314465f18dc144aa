#!/usr/bin/env bash
# tcli in the shell: each line is worth a small script elsewhere.
set -eu
cd "$(mktemp -d)"

echo "the mean of ten numbers"
seq 1 10 | tcli -e '_.float().mean()'

echo "softmax, as JSON"
echo 1 2 3 | tcli -e '_.float() |> softmax(dim=0)' -o json

echo "the eigenvalues of a matrix typed in place"
tcli -e 'torch.linalg.eigvalsh([2., 1; 1, 2])'

echo "a table of random numbers with a seed, then the mean of each column of it"
tcli --seed 0 -e 'randn(100, 3)' -o csv > table.csv
tcli -v x=table.csv -e 'x.tensor().mean(0) if hasattr(x, "tensor") else x.mean(0)'

echo "from one tcli to the next without losing a bit"
tcli -e 'torch.arange(6.).view(2, 3)' -o npy | tcli -e '_.T @ _'

echo "what is in a file, by its header alone"
tcli -e 'save({"w": torch.ones(4, 3), "b": torch.zeros(4)}, "net.safetensors")' -q
tcli inspect net.safetensors | tail -n 2

echo "a gradient at a point"
tcli -e 'torch.func.grad(lambda x: x ** 3)(torch.tensor(2.))'
