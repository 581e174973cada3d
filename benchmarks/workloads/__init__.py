"""What is trained in the speed benchmarks: each workload once for us and once for every peer.

| module      | what is in it                                                              |
|-------------|----------------------------------------------------------------------------|
| `contest`   | contenders in processes of their own, taking turns                         |
| `ours`      | the networks, their data, and one step of training them                    |
| `pytorch`   | the same networks in PyTorch with our weights                              |
| `sklearn`   | the same perceptrons in scikit-learn with our weights                      |
"""
