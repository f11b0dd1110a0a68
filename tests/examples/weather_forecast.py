# Multivariate forecasting: the next value of the first column
import numpy as np
import pandas as pd
from keras.models import Sequential
from keras.layers import Dense, Flatten
from keras.preprocessing.sequence import TimeseriesGenerator

df = pd.read_csv('data/weather.csv')
values = df[['temperature', 'pressure', 'wind']].values
train_size = int(len(values) * 0.7)
mean, std = values[:train_size].mean(axis=0), values[:train_size].std(axis=0)
values = (values - mean) / std

look_back = 6
train_gen = TimeseriesGenerator(values, values[:, 0], length=look_back, end_index=train_size - 1, batch_size=16)
test_gen = TimeseriesGenerator(values, values[:, 0], length=look_back, sampling_rate=1, start_index=train_size,
                               batch_size=16)
print('Samples: %d' % len(train_gen))
x, y = train_gen[0]

model = Sequential()
model.add(Flatten(input_shape=(look_back, values.shape[1])))
model.add(Dense(8, activation='relu'))
model.add(Dense(1))
model.compile(optimizer='adam', loss='mse')
history = model.fit_generator(train_gen, epochs=2, validation_data=test_gen, shuffle=False, verbose=0)
predictions = model.predict_generator(test_gen)
mse = model.evaluate_generator(test_gen, verbose=0)
