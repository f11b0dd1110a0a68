"""Pictures with captions: two inputs"""
import os

import numpy as np
from keras import layers
from keras.models import Model
from tensorflow.keras.preprocessing import image
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.preprocessing.text import Tokenizer

captions, pictures, target = [], [], []
for label, name in enumerate(('cats', 'dogs')):
    folder = os.path.join('data/train', name)
    for number, file in enumerate(sorted(os.listdir(folder))[:12]):
        picture = image.load_img(os.path.join(folder, file), target_size=(32, 32))
        pictures.append(image.img_to_array(picture))
        captions.append('a picture of %s number %d' % (['my cat', 'a big dog'][label], number))
        target.append(label)
pictures, target = np.array(pictures), np.array(target)

tokenizer = Tokenizer(filters='', num_words=20)
tokenizer.fit_on_texts(captions)
tokens = pad_sequences(tokenizer.texts_to_sequences(captions), maxlen=8, padding='post')

datagen = image.ImageDataGenerator(rescale=1 / 255., horizontal_flip=True, rotation_range=10)
flow = datagen.flow((pictures, tokens), target, batch_size=8, seed=3)

seen, read = layers.Input((32, 32, 3)), layers.Input((8,))
both = layers.concatenate([layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(seen)),
                           layers.Flatten()(layers.Embedding(20, 2)(read))])
model = Model([seen, read], layers.Dense(1, activation='sigmoid')(both))
model.compile('sgd', 'binary_crossentropy')


def pairs(flow):
    while True:
        (x, t), y = next(flow)
        yield (x, t), y


history = model.fit_generator(pairs(flow), steps_per_epoch=len(flow), epochs=2, shuffle=False, verbose=0)
