"""Pairs of an image and a mask from a generator function, as for a segmentation of cells."""
import numpy as np
from keras.layers import Conv2D
from keras.models import Sequential
from keras.preprocessing.image import ImageDataGenerator


def pairs(folder, batch_size, options, save_to=None):
    images = ImageDataGenerator(**options).flow_from_directory(
        folder, target_size=(32, 32), classes=['images'], class_mode=None, color_mode='grayscale',
        batch_size=batch_size, save_to_dir=save_to, seed=7)
    masks = ImageDataGenerator(**options).flow_from_directory(
        folder, target_size=(32, 32), classes=['masks'], class_mode=None, color_mode='grayscale',
        batch_size=batch_size, save_to_dir=save_to, seed=7)
    both = zip(images, masks)
    for image, mask in both:
        image = image / 255
        mask = np.where(mask > 127, 1., 0.)
        yield image, mask


train = pairs('data', 5, dict(rotation_range=20, zoom_range=0.1, horizontal_flip=True))
model = Sequential([Conv2D(4, 3, padding='same', activation='relu', input_shape=(32, 32, 1)),
                    Conv2D(1, 1, activation='sigmoid')])
model.compile('adam', 'binary_crossentropy')
model.fit_generator(train, steps_per_epoch=7, epochs=2, workers=1)
