"""Data sets by name, each with a line about it."""

PUBLIC = ("cifar10", "cifar100", "svhn", "mnist", "fashion-mnist")
DATA = {
    "digits": "1,797 scans of handwritten digits, 8x8 grey, embedded",
    "cifar10": "60,000 photographs, 32x32 colour, 10 classes",
    "cifar100": "60,000 photographs, 32x32 colour, 100 classes",
    "svhn": "99,289 house numbers, 32x32 colour, 10 classes (train and test, no extra)",
    "mnist": "70,000 handwritten digits, 28x28 grey",
    "fashion-mnist": "70,000 pieces of clothing, 28x28 grey, 10 classes",
    "folder:PATH": "image files in train/CLASS/ and test/CLASS/ (or val/)",
    "FILE.npz": "arrays in the MedMNIST convention: train_images, train_labels, test_...",
}
