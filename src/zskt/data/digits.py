"""The embedded data: scikit-learn's digits, 1,797 real scans of 8x8 pixels in 10 classes."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from zskt.data.image_data import ImageData, Split, image_data

TEST_IMAGES = 450


def read_digits() -> ImageData:
    """1,347 images to learn from and 450 to be judged by, a fixed split with equal class shares."""
    digits = load_digits()
    # Scans have 17 grey levels, 0 to 16.
    pixels = (digits.images * (255 / 16)).round().astype("uint8")[:, None]
    train_images, test_images, train_labels, test_labels = train_test_split(
        pixels, digits.target, test_size=TEST_IMAGES, stratify=digits.target, random_state=0
    )
    train, test = (
        Split(torch.from_numpy(images), torch.from_numpy(labels).long())
        for images, labels in ((train_images, train_labels), (test_images, test_labels))
    )
    return image_data(train, test, tuple("0123456789"), flips=False)
