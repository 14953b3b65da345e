import {} from '/static/base.js';
