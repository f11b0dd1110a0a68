'''Spoken commands: spectrograms of WAV files as pictures'''
import glob
import wave

import numpy as np
from keras.layers import Conv2D, Dense, GlobalMaxPooling2D
from keras.models import Sequential
from keras.preprocessing.image import ImageDataGenerator
from keras.preprocessing.sequence import pad_sequences
from keras.utils import to_categorical

classes = ['no', 'yes']


def spectrogram(path, size=64, hop=32):
    with wave.open(path) as f:
        samples = np.frombuffer(f.readframes(f.getnframes()), '<i2') / 32768.
    frames = [samples[i: i + size] * np.hanning(size) for i in range(0, len(samples) - size + 1, hop)]
    return np.log(np.abs(np.fft.rfft(frames)) + 1e-3)


features, labels = [], []
for label, name in enumerate(classes):
    for path in sorted(glob.glob('data/commands/%s/*.wav' % name)):
        features.append(spectrogram(path))
        labels.append(label)

# recordings differ in length
X = pad_sequences(features, maxlen=24, dtype='float32', padding='post', truncating='post', value=-7.)[..., np.newaxis]
y = to_categorical(labels)

datagen = ImageDataGenerator(height_shift_range=0.1, fill_mode='constant', cval=-7., validation_split=0.25)
train = datagen.flow(X, y, batch_size=8, subset='training', seed=1, ignore_class_split=True)
valid = datagen.flow(X, y, batch_size=8, subset='validation', seed=1, ignore_class_split=True, shuffle=False)

model = Sequential([Conv2D(4, 3, activation='relu', input_shape=X.shape[1:]), GlobalMaxPooling2D(),
                    Dense(2, activation='softmax')])
model.compile('adam', 'categorical_crossentropy', metrics=['accuracy'])
history = model.fit_generator(train, epochs=2, validation_data=valid, verbose=0, shuffle=False)
