"""The training register (培训登记, M-89): who was trained in what, until when it holds, and who lacks what a role needs."""
